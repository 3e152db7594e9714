"""bsdvirt console"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_guest, open_session
from bsdvirt.cli.verbs.logs import print_log
from bsdvirt.ops.enter import console


class Options(GuestOptions):
    log: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument("--log", action="store_true", help="print the log of the console, and exit")


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    session.need_root()
    if options.log:
        return print_log(session, options.guest)
    return console(session, options.guest)
