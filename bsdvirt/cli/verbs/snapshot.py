"""bsdvirt snapshot"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    add_change,
    add_guests,
    add_listing,
    apply,
    chosen,
    confirm,
    must_confirm,
    open_session,
)
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.guest.snapshots.sets import named
from bsdvirt.ops.snapshots.read import read_one, read_snapshots, row
from bsdvirt.ops.snapshots.remove import Remove, target
from bsdvirt.ops.snapshots.take import Take
from bsdvirt.session.session import Session

COLUMNS = ("guest", "name", "created", "used", "by", "why", "holds", "clones", "note")
READS = ("ls",)


class Options(Globals):
    action: str
    words: list[str]
    guests: list[str]
    note: str
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="create | ls | rm")
    create = actions.add_parser("create", help="take a snapshot of guests, running or not")
    create.add_argument("words", nargs="+", metavar="GUEST[@NAME]")
    create.add_argument("--note", default="", metavar="TEXT", help="a line to remember it by")
    add_change(create)
    listing = actions.add_parser("ls", help="list snapshots")
    add_guests(listing)
    add_listing(listing)
    remove = actions.add_parser("rm", help="remove snapshots, but not those of other tools")
    remove.add_argument("words", nargs="+", metavar="GUEST@NAME")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    add_change(remove)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action not in READS)
    match options.action:
        case "create":
            return _create(session, options)
        case "rm":
            return _remove(session, options)
        case _:
            names = chosen(session, options.guests, every=not options.guests)
            found = session.inventory()
            every = read_snapshots(session, [found.guest(name) for name in names])
            rows = [row(one) for name in names for one in every[name]]
            print_rows(rows, COLUMNS, options)
    return 0


def _create(session: Session, options: Options) -> int:
    given = [word.partition("@") for word in options.words]
    names = {name for _, _, name in given}
    if len(names) > 1:
        raise UsageError("one name goes with all guests of one command", "take them one by one")
    guests = chosen(session, [guest for guest, _, _ in given], every=False)
    return apply(options, Take(tuple(guests), names.pop(), options.note), session)


def _remove(session: Session, options: Options) -> int:
    targets = tuple(target(word) for word in options.words)
    if must_confirm(options, yes=options.yes):
        found, lines = session.inventory(), []
        for guest, name in targets:
            one = named(read_one(session, found.guest(guest)), guest, name)
            lines += [f"{part.full} ({part.used} bytes)" for part in one.parts]
        confirm(options, f"Remove {', '.join(options.words)} for good?", lines)
    return apply(options, Remove(targets), session)
