"""bsdvirt console"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import open_session
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.verbs.logs import print_log
from bsdvirt.ops.enter import console


class Options(Globals):
    guest: str
    log: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    parser.add_argument("--log", action="store_true", help="print the log of the console, and exit")


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    session.need_root()
    if options.log:
        return print_log(session, options.guest)
    return console(session, options.guest)
