"""Take the snapshots of guests that are due by their schedule, and remove those that it does not
keep."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.retention import candidates, is_due
from bsdvirt.kinds import load_spec
from bsdvirt.ops.snapshots.listing import read_each
from bsdvirt.ops.snapshots.prune import Prune
from bsdvirt.ops.snapshots.take import Take
from bsdvirt.plan.locks import is_held
from bsdvirt.session.batch import Outcome
from bsdvirt.session.prepared import carry_out
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import Snapshots


def take_due(session: Session) -> list[Outcome]:
    """Take a snapshot of each guest of which one is due."""
    guests, outcomes = scheduled(session)
    wanted = {name: one.every for name, (_, one) in guests.items() if one.every is not None}
    every, errors = read_each(session, [guests[name][0] for name in wanted])
    outcomes += [Outcome(name, error=error) for name, error in errors.items()]
    now = session.draws.now()
    due = [
        name
        for name, period in wanted.items()
        if name in every and is_due(candidates(every[name], all_ours=False), period, now)
    ]
    return outcomes + (carry_out(session, Take(tuple(due), why="periodic")) if due else [])


def prune_kept(session: Session) -> list[Outcome]:
    """Remove the snapshots of each guest that its schedule does not keep."""
    guests, _ = scheduled(session)
    wanted = {name: guest for name, (guest, one) in guests.items() if one.keep is not None}
    every, errors = read_each(session, list(wanted.values()))
    outcomes = [Outcome(name, error=error) for name, error in errors.items()]
    request = Prune(tuple(wanted))
    going = [
        name
        for name, snapshots in every.items()
        if any(one.goes for one in request.calendar(session, wanted[name], snapshots))
    ]
    return outcomes + (carry_out(session, Prune(tuple(going))) if going else [])


def scheduled(session: Session) -> tuple[Mapping[str, tuple[Guest, Snapshots]], list[Outcome]]:
    """Return the guests with their schedules, and an outcome for each whose file cannot be read.
    Without those that another command is working on: it is their turn the next time."""
    found: dict[str, tuple[Guest, Snapshots]] = {}
    outcomes: list[Outcome] = []
    for name, guest in session.inventory().guests.items():
        if is_held(session.host.fs, "guest", name):
            continue
        try:
            found[name] = (guest, load_spec(session.host.fs, guest).snapshots)
        except BsdvirtError as error:
            outcomes.append(Outcome(name, error=error))
    return found, outcomes
