"""bsdvirt ps"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_guest, add_listing, open_session
from bsdvirt.cli.output import print_rows
from bsdvirt.ops.enter import processes

COLUMNS = ("pid", "ppid", "user", "command")


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    add_listing(parser)


def run(options: GuestOptions) -> int:
    session = open_session(options, changes=False)
    rows = processes(session, options.guest)
    print_rows(rows, COLUMNS, options)
    return 0
