"""bsdvirt snapshot diff"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_listing
from bsdvirt.cli.output import print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import EXIT_OK, UsageError
from bsdvirt.ops.snapshots.diff import difference
from bsdvirt.ops.snapshots.targets import target
from bsdvirt.session.session import Session

COLUMNS = ("change", "kind", "path", "to")


class Options(Globals):
    snapshot: str
    later: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snapshot", metavar="GUEST@NAME")
    parser.add_argument(
        "later", nargs="?", default="", metavar="NAME", help="a later one; by default, the present"
    )
    add_listing(parser)


def run(session: Session, options: Options) -> int:
    """Print what changed."""
    guest, name = target(options.snapshot)
    of, at, later = options.later.rpartition("@")
    if at and of != guest:
        raise UsageError(
            f"{options.later} is a snapshot of another guest",
            f"bsdvirt snapshot ls {guest} lists those of {guest}",
        )
    found = difference(session, guest, name, later)
    print_rows(found.rows, COLUMNS, options)
    for note in found.notes:
        say(f"{guest}: note: {note}")
    return EXIT_OK
