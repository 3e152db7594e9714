"""Starts that are planned before anything is done for them: the second half of a restart, the
start of a guest that is about to be made, and what the next start of a guest would refuse.

Each is the very start, in a session that only shows, on the facts as they will be then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.hooks import hook_problem
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.ops.power import guests
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import Held, Outcome, hold
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.hooks import EVENTS
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.spec.vm import Vm
from bsdvirt.zfs.base import Dataset


def restart(
    session: Session, names: Sequence[str], *, force: bool = False, timeout: float | None = None
) -> list[Outcome]:
    """Stop and start. One whose start would be refused is left as it is, and one that cannot
    be stopped is not started."""
    with hold(session, names, "restart") as held:
        planned, refused = _rehearse(session, held)
        done = [*held.refused, *refused]
        ready = [name for name in held.names() if name in planned]
        stopped = guests.stop_held(session, ready, force=force, timeout=timeout)
        done += [outcome for outcome in stopped if not outcome.ok]
        ready = [outcome.name for outcome in stopped if outcome.ok]
        if session.show is not None:
            for name in ready:
                for plan in planned[name]:
                    session.show(plan)
            done += stopped
        elif ready:
            done += guests.start_held(session, held, ready)
    return sorted(done, key=lambda outcome: outcome.name)


def _rehearse(session: Session, held: Held) -> tuple[dict[str, list[Plan]], list[Outcome]]:
    """The plans of each start that will not be refused, and the refusals of the others."""
    names = held.names()
    running = guests.running(session, names)
    planned: dict[str, list[Plan]] = {}
    refused: list[Outcome] = []
    for name in names:
        plans: list[Plan] = []
        trial = trial_of(session, plans, stopped=frozenset([name]))
        outcome = guests.start_held(trial, Held({name: None}), [name])[0]
        if outcome.error is None:
            planned[name] = plans
            continue
        if name in running:
            more = f"{name} goes on running"
            outcome.error.hint = "; ".join(filter(None, (outcome.error.hint, more)))
        refused.append(outcome)
    return planned, refused


def trial_of(
    session: Session,
    plans: list[Plan],
    *,
    stopped: frozenset[str] = frozenset(),
    stand_ins: Mapping[str, str] | None = None,
) -> Session:
    """A session in which nothing is done, and these guests are stopped."""
    return dataclasses.replace(
        session, show=plans.append, sink=events.ignore, stopped=stopped, stand_ins=stand_ins or {}
    )


def _as_made(guest: Guest, spec: GuestSpec) -> Guest:
    """The guest with the volumes that its file names, there already or not."""
    if not isinstance(spec, Vm):
        return guest
    wanted = [guest.layout.disk(guest.name, disk.name) for disk in spec.disks if not disk.path]
    there = {dataset.name for dataset in guest.datasets}
    made = tuple(Dataset(name, "volume", 0, 0, 0) for name in wanted if name not in there)
    return dataclasses.replace(guest, datasets=(*guest.datasets, *made))


def start_of_new(
    session: Session,
    found: Inventory,
    made: Mapping[str, tuple[Guest, GuestSpec]],
    networks: dict[str, Network],
    stand_ins: Mapping[str, str],
) -> tuple[dict[str, list[Plan]], list[Outcome]]:
    """How guests that are about to be made will start, and the refusals. `stand_ins` are
    directories that hold what their roots will."""
    planned: dict[str, list[Plan]] = {}
    refused: list[Outcome] = []
    for name, (guest, spec) in made.items():
        plans: list[Plan] = []
        part = (_as_made(guest, spec), spec)
        trial = trial_of(session, plans, stopped=frozenset([name]), stand_ins=stand_ins)
        outcome = guests.start_parts(trial, found, {name: part}, networks)[0]
        if outcome.error is None:
            planned[name] = plans
        else:
            refused.append(outcome)
    return planned, refused


def settled(identity: Identity) -> Identity:
    """The identity of a guest at its next start."""
    nics = identity.nics if identity.next is None else identity.next
    shared = identity.shared if identity.next_shared is None else identity.next_shared
    return msgspec.structs.replace(identity, nics=nics, next=None, shared=shared, next_shared=None)


def next_start_notes(
    session: Session,
    found: Inventory,
    guest: Guest,
    spec: GuestSpec,
    networks: dict[str, Network],
) -> tuple[str, ...]:
    """What the next start of a guest that is changed so would refuse, or tell of."""
    notes = [
        f"hooks.{event}.host: {hook}: {why}"
        for event in EVENTS
        for hook in spec.hooks.at(event).host
        if (why := hook_problem(session.host, hook))
    ]
    plans: list[Plan] = []
    parts = {guest.name: (_as_made(guest, spec), spec)}
    trial = trial_of(session, plans, stopped=frozenset([guest.name]))
    try:
        outcome = guests.start_parts(trial, found, parts, networks)[0]
        error = outcome.error
    except BsdvirtError as wrong:
        error = wrong
    if error is not None and not any(note.partition(": ")[2] in str(error) for note in notes):
        notes.append(f"the next start will be refused: {error}")
    if isinstance(spec, Jail):
        notes += [note for plan in plans for note in plan.notes]
    return tuple(dict.fromkeys(notes))
