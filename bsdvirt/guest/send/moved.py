"""The plans that give a guest to another host, and take it back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.send.plan import note_step
from bsdvirt.guest.snapshots.plan import SECONDS
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, Plan, Step, Undo
from bsdvirt.spec.identity import PROPERTY as IDENTITY
from bsdvirt.spec.replica import PROPERTY, Replica, replica_to_json


def plan_given(guest: Guest, replica: Replica, writable: Sequence[str], op: str) -> Plan:
    """Make a guest read-only, and mark it as moved: it never starts here again. From its end on,
    the other host may start it."""
    prefix = len(guest.dataset) + 1
    paths = [name[prefix:] for name in writable]
    seals = [_readonly(name, on=True) for name in writable]
    marked = msgspec.structs.replace(replica, role="moved", sealed=paths)
    return Plan("move", guest.name, "guest", (*seals, note_step(guest, marked)), op=op)


def plan_taken_back(guest: Guest, replica: Replica, op: str) -> Plan:
    """Make a guest that was given away this host's again."""
    base, there = guest.dataset, {dataset.name for dataset in guest.datasets}
    names = [f"{base}/{path}" if path else base for path in replica.sealed]
    opens = [_readonly(name, on=False) for name in names if name in there]
    after = msgspec.structs.replace(replica, role="source", sealed=[])
    return Plan("take back", guest.name, "guest", (*opens, note_step(guest, after)), op=op)


def plan_again_standby(
    guest: Guest, identity: str, replica: Replica, opened: Sequence[str], op: str
) -> Plan:
    """Make a guest that came from another host, and was not changed since, a standby again, with
    its identity there."""
    snapshot = replica.origin.snapshot if replica.origin else None
    # Mounting it may have written what is no change of its contents.
    clean = tuple(
        Step(
            Command((tools.ZFS, "rollback", "-r", f"{dataset.name}@{snapshot}"), timeout=SECONDS),
            f"{dataset.name} is as it came",
            durable=True,
        )
        for dataset in guest.datasets
    )
    was = guest.datasets[0]
    step = Step(
        Command(_words(guest.dataset, identity, replica_to_json(replica))),
        "it is another host's again",
        undo=(Undo(Command(_words(guest.dataset, was.guest or "", was.replica or ""))),),
        durable=True,
    )
    steps = (*(_readonly(name, on=True) for name in opened), step)
    return Plan("give back", guest.name, "guest", steps, clean, op=op)


def _words(dataset: str, identity: str, replica: str) -> tuple[str, ...]:
    return (tools.ZFS, "set", f"{IDENTITY}={identity}", f"{PROPERTY}={replica}", dataset)


def plan_adopted_there(guest: Guest, argv: tuple[str, ...], host: str, op: str) -> Plan:
    """Have the other host adopt the guest, and start it if it ran here."""
    step = Step(Command(argv, timeout=SECONDS), f"{host} has it from now on", durable=True)
    return Plan("move", guest.name, "guest", (step,), op=op)


def writable(values: Iterable[tuple[str, str]]) -> list[str]:
    """Return the datasets that are not read-only already, given the values of readonly."""
    return [name for name, value in values if value != "on"]


def _readonly(dataset: str, *, on: bool) -> Step:
    seal = ("set", "readonly=on", dataset)
    drop = ("inherit", "readonly", dataset)
    return Step(
        Command((tools.ZFS, *(seal if on else drop))),
        f"nothing is written to {dataset} any more" if on else f"{dataset} can be written",
        undo=(Undo(Command((tools.ZFS, *(drop if on else seal)))),),
        durable=True,
    )
