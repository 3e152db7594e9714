"""bsdvirt rollback"""

from __future__ import annotations

import argparse

from msgspec.structs import replace

from bsdvirt.cli.common import (
    add_change,
    apply_one,
    confirm,
    must_confirm,
    open_session,
)
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.ops.clone.clone import Clone
from bsdvirt.ops.snapshots.rollback import Rollback, read_lost
from bsdvirt.ops.snapshots.targets import target
from bsdvirt.session.prepared import preview
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.types import GuestName


class Options(Globals):
    snapshot: str
    stop: bool
    restart: bool
    force: bool
    yes: bool
    to_new: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snapshot", metavar="GUEST@SNAPSHOT")
    power = parser.add_mutually_exclusive_group()
    power.add_argument("--stop", action="store_true", help="stop the guest first, if it runs")
    power.add_argument(
        "--restart", action="store_true", help="stop it first, if it runs, and start it afterwards"
    )
    parser.add_argument(
        "--force", action="store_true", help="even if its configuration then was not valid"
    )
    parser.add_argument(
        "--to-new", metavar="NAME", help="make another guest of the snapshot, and lose nothing"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_change(parser)


def run(options: Options) -> int:
    guest, name = target(options.snapshot)
    if options.to_new is not None:
        return _to_new(options, guest, name, options.to_new)
    session = open_session(options, changes=True)
    request = Rollback(guest, name, stop=options.stop, restart=options.restart, force=options.force)
    if must_confirm(options, yes=options.yes):
        # With --ask the plan has these notes.
        notes = _notes(session, request) if options.asking is None else ()
        lost = read_lost(session, session.inventory().guest(guest), name)
        lines = [*lost.lines(), *(f"note: {note}" for note in notes if note not in lost.kept())]
        confirm(options, f"Roll {guest} back to {name}, and lose all of this?", lines)
        request = replace(request, agreed=lost.names)
    return apply_one(options, request, session)


def _notes(session: Session, request: Rollback) -> tuple[str, ...]:
    """Return what is to be said of the configuration that comes back. Raises what refuses the
    rollback, before the user is asked; what an operation that was cut short has left is not known
    before it is recovered."""
    if request.name in session.pending("guest"):
        return ()
    (outcome,) = preview(session, request).outcomes
    if outcome.error is not None:
        raise outcome.error
    return outcome.notes


def _to_new(options: Options, guest: str, name: str, new: str) -> int:
    if options.stop or options.restart or options.force:
        raise UsageError(
            "--to-new leaves the guest as it is: --stop, --restart and --force do not go with it",
            f"bsdvirt rollback {guest}@{name} --to-new {new}",
        )
    parsed(GuestName, new, "such as web2")
    return apply_one(options, Clone(guest, (new,), name))
