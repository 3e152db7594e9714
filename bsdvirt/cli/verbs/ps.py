"""bsdvirt ps"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_listing, open_session
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.enter import processes

COLUMNS = ("pid", "ppid", "user", "command")


class Options(Globals):
    guest: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    add_listing(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    rows = processes(session, options.guest)
    print_rows(rows, COLUMNS, options)
    return 0
