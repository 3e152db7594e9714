"""The plans that take and remove a snapshot. Pure."""

from __future__ import annotations

from collections.abc import Sequence

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
    steps = (*before, take_step(guest, name, stamp, op), *after)
    return Plan("snapshot", guest.name, "guest", steps, op=op)


def refuse_removal(snapshot: Snapshot) -> None:
    """Raise ConflictError for a snapshot that cannot be removed, or is not ours to remove."""
    target = f"{snapshot.guest}@{snapshot.name}"
    if not snapshot.ours:
        raise ConflictError(
            f"{target} was not taken by bsdvirt",
            f"zfs destroy -nvr {snapshot.full} shows what would go, without -n it goes",
        )
    if snapshot.clones:
        raise ConflictError(
            f"{target} has clones: {', '.join(snapshot.clones)}",
            "destroy them first, or zfs promote them",
        )
    if snapshot.holds:
        raise ConflictError(f"{target} is held", f"zfs holds -r {snapshot.full} shows by whom")


def remove_steps(snapshot: Snapshot) -> tuple[Step, ...]:
    """Destroy the parts of a snapshot, for a plan's finish: the guest's own dataset comes last, so
    that it is known as ours until all is gone."""
    return tuple(
        Step(
            Command((tools.ZFS, "destroy", part.full), timeout=SECONDS),
            f"destroy {part.full}",
            unless=Not(SnapshotIs(part.full, part.guid)),
            durable=True,
        )
        for part in reversed(snapshot.parts)
    )


def plan_remove(snapshot: Snapshot, op: str) -> Plan:
    """Remove a snapshot. Raises ConflictError as refuse_removal does."""
    refuse_removal(snapshot)
    return Plan(
        "remove snapshot", snapshot.guest, "guest", finish=remove_steps(snapshot), op=op,
        must_journal=False,
    )  # fmt: skip
