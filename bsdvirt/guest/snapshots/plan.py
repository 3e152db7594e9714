"""The plans that take and remove a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.host import tools
from bsdvirt.plan.conditions import OP_PROPERTY
from bsdvirt.plan.step import Command, DatasetOwned, Not, Plan, SnapshotIs, Step, Undo
from bsdvirt.spec.snapshot import PROPERTY, Stamp, stamp_to_json

SECONDS = 600.0
"""How long zfs(8) may take on a busy pool."""


def take_step(guest: Guest, name: str, stamp: Stamp, op: str) -> Step:
    """Take a snapshot of all of the guest's datasets at one moment. The operation stays noted on
    it."""
    full = f"{guest.dataset}@{name}"
    words = ("-o", f"{OP_PROPERTY}={op}", "-o", f"{PROPERTY}={stamp_to_json(stamp)}")
    return Step(
        Command((tools.ZFS, "snapshot", "-r", *words, full), timeout=SECONDS),
        f"a snapshot of all datasets of {guest.name}",
        undo=(
            Undo(
                Command((tools.ZFS, "destroy", "-r", full), timeout=SECONDS),
                DatasetOwned(full, op),
            ),
        ),
        durable=True,
    )


def plan_take(
    guest: Guest,
    name: str,
    stamp: Stamp,
    op: str,
    *,
    before: Sequence[Step] = (),
    after: Sequence[Step] = (),
) -> Plan:
    """Take a snapshot of a guest, between its hooks."""
    steps = between(before, [take_step(guest, name, stamp, op)], after)
    return Plan("snapshot", guest.name, "guest", steps, op=op)


def between(
    before: Sequence[Step], steps: Sequence[Step], after: Sequence[Step]
) -> tuple[Step, ...]:
    """Return steps between those of the hooks of snapshotting and snapshotted. The latter end what
    the former began, such as a lock of a database: once one of these was begun, they run also if
    the operation fails or is cut short."""
    if not before:
        return (*steps, *after)
    ends = tuple(Undo(step.do, tolerant=True) for step in after)
    first = msgspec.structs.replace(before[0], undo=ends)
    return (first, *before[1:], *steps, *after)


def refuse_removal(snapshot: Snapshot, holders: str = "") -> None:
    """Raise ConflictError for a snapshot that cannot be removed, or is not ours to remove.
    `holders` says who holds it."""
    target = f"{snapshot.guest}@{snapshot.name}"
    if not snapshot.ours:
        raise ConflictError(
            f"{target} was not taken by bsdvirt",
            f"zfs destroy -nvr {snapshot.full} shows what would go, without -n it goes",
        )
    if snapshot.clones:
        guests = cloned_guests(snapshot)
        raise ConflictError(
            f"{target} has clones: {', '.join(snapshot.clones)}",
            f"bsdvirt promote {guests[0]}, or destroy the clones first"
            if guests
            else "destroy them first, or zfs promote them",
        )
    if snapshot.holds:
        by = f" by {holders}" if holders else ""
        raise ConflictError(
            f"{target} is held{by}",
            f"bsdvirt snapshot release {target}; --tag names a tag other than bsdvirt",
        )


def cloned_guests(snapshot: Snapshot) -> list[str]:
    """Return the guests on the same pool that are clones of a snapshot, sorted."""
    guests = snapshot.dataset.rpartition("/")[0] + "/"
    names = {one.removeprefix(guests) for one in snapshot.clones if one.startswith(guests)}
    return sorted({name.partition("/")[0] for name in names})


def remove_steps(snapshot: Snapshot) -> tuple[Step, ...]:
    """Destroy the parts of a snapshot, for a plan's finish: the guest's own dataset comes last, so
    that it is known as ours until all is gone. A part that a jail holds or clones meanwhile goes
    when that ends (-d): it cannot keep the operation from being finished."""
    return tuple(
        Step(
            Command((tools.ZFS, "destroy", "-d", part.full), timeout=SECONDS),
            f"destroy {part.full}",
            unless=Not(SnapshotIs(part.full, part.guid)),
            durable=True,
        )
        for part in reversed(snapshot.parts)
    )


def plan_remove(snapshot: Snapshot, op: str) -> Plan:
    """Remove a snapshot. Raises ConflictError as refuse_removal does."""
    return plan_remove_all([snapshot], op)


def plan_remove_all(
    snapshots: Sequence[Snapshot], op: str, notes: Sequence[str] = (), *, by_jail: bool = True
) -> Plan:
    """Remove snapshots of one guest, all or none. Raises ConflictError as refuse_removal does;
    without `by_jail`, a jail's holds and clones of what it was given do not count."""
    for one in snapshots:
        refuse_removal(one if by_jail else one.own)
    steps = tuple(step for one in snapshots for step in remove_steps(one))
    return Plan(
        "remove snapshot", snapshots[0].guest, "guest", finish=steps, op=op, notes=tuple(notes),
        must_journal=False,
    )  # fmt: skip
