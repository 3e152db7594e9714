"""bsdvirt adopt"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    Selection,
    add_change,
    apply,
    confirm,
    must_confirm,
    open_session,
)
from bsdvirt.cli.output import info_lines
from bsdvirt.errors import UsageError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.ops import foreign
from bsdvirt.ops.adopt import Adopt


class Options(Selection):
    keep: bool
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guests", nargs="*", metavar="GUEST", help="names of foreign guests")
    parser.add_argument("--all", action="store_true", help="all foreign guests")
    parser.add_argument(
        "--keep", action="store_true",
        help="keep id, UUID, MAC and IP addresses: the guest was moved here, not copied",
    )  # fmt: skip
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_change(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    found = session.inventory()
    names = _names(options, found)
    if must_confirm(options, yes=options.yes):
        lines: list[str] = []
        for name in names:
            shown = foreign.detail(session, foreign.candidate(found, name))
            lines += [f"{name}: {shown.why}", *info_lines(shown.asks or {"asks": "nothing"})]
        confirm(options, f"Adopt {', '.join(names)} with these claims?", lines)
    return apply(options, Adopt(tuple(names), options.keep), session)


def _names(options: Options, found: Inventory) -> list[str]:
    if options.all:
        if options.guests:
            raise UsageError("--all and names do not go together", "omit one of them")
        return sorted(found.foreign)
    if not options.guests:
        raise UsageError("which guest?", "name guests, or use --all")
    return sorted({foreign.candidate(found, name).name for name in options.guests})
