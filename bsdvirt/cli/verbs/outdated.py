"""bsdvirt outdated"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_listing, open_session
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.upgrade.outdated import DAYS, rows

COLUMNS = ("kind", "name", "version", "newest", "why", "command")


class Options(Globals):
    days: int


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=_days, default=DAYS, metavar="N",
        help=f"age of an image that is outdated; default: {DAYS}",
    )  # fmt: skip
    add_listing(parser)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise argparse.ArgumentTypeError(f"{text}: not a number of days")
    return int(text)


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    found = rows(session, options.days)
    if found or options.json or options.headless:
        print_rows(found, COLUMNS, options)
    else:
        print("nothing that this host knows of is outdated")
    return 0
