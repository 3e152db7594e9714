"""bsdvirt service"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import open_session
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.enter import attach


class Options(Globals):
    guest: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "bsdvirt service GUEST ARGUMENT …"
    parser.add_argument("guest", metavar="GUEST")


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    session.need_root()
    return attach(session, options.guest, ("service", *options.command))
