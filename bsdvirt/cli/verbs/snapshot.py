"""bsdvirt snapshot"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import cast

from bsdvirt.cli.common import (
    add_change,
    apply,
    chosen,
    confirm,
    must_confirm,
    open_session,
)
from bsdvirt.cli.output import print_json
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.snapshots import listing
from bsdvirt.errors import UsageError
from bsdvirt.ops.snapshots.hold import Hold
from bsdvirt.ops.snapshots.remove import Remove, to_remove
from bsdvirt.ops.snapshots.take import Take
from bsdvirt.ops.snapshots.targets import target, targets
from bsdvirt.rows.base import plain
from bsdvirt.rows.snapshot import RemovalRow
from bsdvirt.session.session import Session
from bsdvirt.spec.snapshot import OWN_TAG

READS = ("ls",)


class Options(Globals):
    action: str
    words: list[str]
    note: str
    tag: str
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="create | ls | rm | hold | release"
    )
    create = actions.add_parser("create", help="take a snapshot of guests, running or not")
    create.add_argument("words", nargs="+", metavar="GUEST[@NAME]")
    create.add_argument("--note", default="", metavar="TEXT", help="a line to remember it by")
    add_change(create)
    listing.arguments(actions.add_parser("ls", help="list snapshots"))
    for word, help in (
        ("hold", "hold snapshots, so that nothing can destroy them"),
        ("release", "release snapshots that are held"),
    ):
        holding = actions.add_parser(word, help=help)
        holding.add_argument("words", nargs="+", metavar="GUEST@NAME")
        holding.add_argument("--tag", default=OWN_TAG, help="of the hold, instead of bsdvirt")
        add_change(holding)
    remove = actions.add_parser("rm", help="remove snapshots, but not those of other tools")
    remove.add_argument("words", nargs="+", metavar="GUEST@NAME", help="names or patterns")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    add_change(remove)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action not in READS)
    match options.action:
        case "create":
            return _create(session, options)
        case "rm":
            return _remove(session, options)
        case "hold" | "release" as action:
            wanted = tuple(target(word) for word in options.words)
            return apply(options, Hold(wanted, options.tag, action == "release"), session)
        case _:
            return listing.run(session, cast(listing.Options, options))


def _create(session: Session, options: Options) -> int:
    given = [word.partition("@") for word in options.words]
    names = {name for _, _, name in given}
    if len(names) > 1:
        raise UsageError("one name goes with all guests of one command", "take them one by one")
    guests = chosen(session, [guest for guest, _, _ in given], every=False)
    return apply(options, Take(tuple(guests), names.pop(), options.note), session)


def _remove(session: Session, options: Options) -> int:
    wanted = targets(session, options.words)
    asks = must_confirm(options, yes=options.yes)
    shows = options.dry_run and options.json and options.asking is None
    if asks or shows:
        going = to_remove(session, wanted)
        if shows:
            print_json(plain(going))
            return 0
        confirm(options, f"Remove {', '.join(options.words)} for good?", _lost(going))
    return apply(options, Remove(wanted), session)


def _lost(going: Sequence[RemovalRow]) -> list[str]:
    """Return what is lost by the removal of snapshots, in words."""
    lines = []
    for row in going:
        lines += row.parts
        size = "an unknown number of" if row.frees is None else row.frees
        lines.append(f"{row.guest}: {len(row.snapshots)} of its snapshots, frees {size} bytes")
    return lines
