"""bsdvirt snapshot"""

from __future__ import annotations

import argparse
from typing import cast

from bsdvirt.cli.common import (
    add_change,
    apply,
    chosen,
    open_session,
)
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.snapshots import differences, listing, removal
from bsdvirt.errors import UsageError
from bsdvirt.ops.snapshots.hold import Hold
from bsdvirt.ops.snapshots.take import Take
from bsdvirt.ops.snapshots.targets import target
from bsdvirt.session.session import Session
from bsdvirt.spec.snapshot import OWN_TAG

READS = ("diff", "ls")


class Options(Globals):
    action: str
    words: list[str]
    note: str
    tag: str


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action",
        required=True,
        metavar="create | ls | diff | rm | hold | release | prune | periodic",
    )
    create = actions.add_parser("create", help="take a snapshot of guests, running or not")
    create.add_argument("words", nargs="+", metavar="GUEST[@NAME]")
    create.add_argument("--note", default="", metavar="TEXT", help="a line to remember it by")
    add_change(create)
    differences.arguments(
        actions.add_parser("diff", help="list the files that changed since a snapshot")
    )
    listing.arguments(actions.add_parser("ls", help="list snapshots"))
    for word, help in (
        ("hold", "hold snapshots, so that nothing can destroy them"),
        ("release", "release snapshots that are held"),
    ):
        holding = actions.add_parser(word, help=help)
        holding.add_argument("words", nargs="+", metavar="GUEST@NAME")
        holding.add_argument("--tag", default=OWN_TAG, help="of the hold, instead of bsdvirt")
        add_change(holding)
    removal.arguments(
        actions.add_parser("rm", help="remove snapshots, but not those of other tools")
    )
    removal.prune_arguments(
        actions.add_parser("prune", help="remove the snapshots that a schedule does not keep")
    )
    removal.periodic_arguments(
        actions.add_parser("periodic", help="take and remove snapshots by schedule, for cron(8)")
    )


def run(options: Options) -> int:
    session = open_session(options, changes=options.action not in READS)
    match options.action:
        case "create":
            return _create(session, options)
        case "rm":
            return removal.run(session, cast(removal.Options, options))
        case "prune":
            return removal.prune(session, cast(removal.PruneOptions, options))
        case "periodic":
            return removal.periodic(session, options)
        case "hold" | "release" as action:
            wanted = tuple(target(word) for word in options.words)
            return apply(options, Hold(wanted, options.tag, action == "release"), session)
        case "diff":
            return differences.run(session, cast(differences.Options, options))
        case _:
            return listing.run(session, cast(listing.Options, options))


def _create(session: Session, options: Options) -> int:
    given = [word.partition("@") for word in options.words]
    names = {name for _, _, name in given}
    if len(names) > 1:
        raise UsageError("one name goes with all guests of one command", "take them one by one")
    guests = chosen(session, [guest for guest, _, _ in given], every=False)
    return apply(options, Take(tuple(guests), names.pop(), options.note), session)
