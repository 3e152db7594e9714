"""The plans that hold a snapshot, and release it (zfs-hold(8)). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, Look, Not, Plan, SnapshotHeld, Step, Undo
from bsdvirt.zfs.snapshots import Part


def plan_hold(snapshot: Snapshot, tag: str, parts: Sequence[Part], op: str) -> Plan:
    """Hold the parts of a snapshot that have no hold with that tag yet."""
    if not parts:
        return _nothing("hold", snapshot, f"it is held already with the tag {tag}", op)
    return Plan("hold", snapshot.guest, steps=(hold_step(tag, parts),), op=op)


def plan_release(snapshot: Snapshot, tag: str, parts: Sequence[Part], op: str) -> Plan:
    """Release the parts of a snapshot that have a hold with that tag."""
    if not parts:
        return _nothing("release", snapshot, f"it is not held with the tag {tag}", op)
    return Plan("release", snapshot.guest, steps=(release_step(tag, parts),), op=op)


def hold_step(tag: str, parts: Sequence[Part]) -> Step:
    """Hold parts of a snapshot that have no hold with that tag: they cannot be destroyed."""
    undo = [(_argv("release", tag, [part]), SnapshotHeld(part.full, tag)) for part in parts]
    return _step("hold", tag, parts, undo)


def release_step(tag: str, parts: Sequence[Part]) -> Step:
    """Release parts of a snapshot that have a hold with that tag."""
    undo = [(_argv("hold", tag, [part]), Not(SnapshotHeld(part.full, tag))) for part in parts]
    return _step("release", tag, parts, undo)


def _step(
    verb: str, tag: str, parts: Sequence[Part], undo: Iterable[tuple[tuple[str, ...], Look]]
) -> Step:
    return Step(
        Command(_argv(verb, tag, parts)),
        f"{verb} {', '.join(part.full for part in parts)}",
        undo=tuple(Undo(Command(argv), when) for argv, when in undo),
        durable=True,
    )


def _argv(verb: str, tag: str, parts: Iterable[Part]) -> tuple[str, ...]:
    # A jail can give a tag that passes for an option.
    end = ("--",) if tag.startswith("-") else ()
    return (tools.ZFS, verb, *end, tag, *(part.full for part in parts))


def _nothing(verb: str, snapshot: Snapshot, why: str, op: str) -> Plan:
    return Plan(verb, snapshot.guest, reason=f"{snapshot.guest}@{snapshot.name}: {why}", op=op)
