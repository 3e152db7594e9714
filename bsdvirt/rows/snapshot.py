"""Rows of snapshots."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from bsdvirt.rows.base import BYTES, Row, col


class SnapshotRow(Row, frozen=True, kw_only=True):
    """A snapshot of a guest."""

    guest: Annotated[str, col("Name of the guest.")]
    name: Annotated[str, col("Name of the snapshot.")]
    created: Annotated[str, col("When it was taken, in UTC.")]
    used: Annotated[int, col("Space that only it holds.", unit=BYTES)]
    referenced: Annotated[int, col("Data that it shows, shared or not.", unit=BYTES)]
    frees: Annotated[
        int | None | UnsetType,
        col(
            "Space that the pool gets back if it alone is removed, with --reclaim; null if it"
            " cannot be removed.",
            unit=BYTES,
        ),
    ] = UNSET
    by: Annotated[str, col("bsdvirt, or other for that of another tool, which is never removed.")]
    why: Annotated[
        str,
        col(
            "Reason, where it is of bsdvirt: manual, periodic, or before a clone, rollback,"
            " upgrade, send or export."
        ),
    ]
    running: Annotated[bool | None, col("Whether the guest was running; null if unknown.")]
    note: Annotated[str, col("Note of the user's.")]
    whole: Annotated[bool, col("Whether it has the guest's file, and every dataset of now.")]
    holds: Annotated[int, col("Number of holds, which keep it from being removed.")]
    tags: Annotated[list[str], col("Tags of the holds of the guest's own dataset.")]
    clones: Annotated[list[str], col("Datasets that are clones of it.")]
    datasets: Annotated[list[str], col("Datasets in it.")]
    missing: Annotated[list[str], col("Datasets that the guest has now and that are not in it.")]


class RemovalRow(Row, frozen=True, kw_only=True):
    """The snapshots of a guest that would be removed."""

    guest: Annotated[str, col("Name of the guest.")]
    frees: Annotated[
        int | None,
        col("Space that the pool gets back; null if they cannot be removed.", unit=BYTES),
    ]
    snapshots: Annotated[list[SnapshotRow], col("The snapshots.")]
    parts: Annotated[list[str], col("Snapshots of datasets that are destroyed.")]


class CalendarRow(Row, frozen=True, kw_only=True):
    """What a removal by schedule does with a snapshot."""

    guest: Annotated[str, col("Name of the guest.")]
    name: Annotated[str, col("Name of the snapshot.")]
    created: Annotated[str, col("When it was taken, in UTC.")]
    kept: Annotated[bool, col("Whether it stays.")]
    slots: Annotated[
        list[str], col("Hours, days, weeks, months and years that it is kept as the last one of.")
    ]
    why: Annotated[str, col("Why it stays in any case, such as held; empty if it need not.")]


class DiffRow(Row, frozen=True, kw_only=True):
    """A change of a file since a snapshot."""

    dataset: Annotated[str, col("Dataset that it is in.")]
    change: Annotated[str, col("added, removed, modified or renamed.")]
    kind: Annotated[
        str,
        col("file, directory, link, pipe, socket, block device, character device, or other."),
    ]
    path: Annotated[str, col("Its path on the host.")]
    to: Annotated[str, col("Its new path, if it was renamed.")]
    links: Annotated[int | None, col("By how much the number of its links changed, if it did.")]
    changed: Annotated[str, col("When its inode was changed last, in UTC.")]


class SnapshotNode(Row, frozen=True, kw_only=True):
    """A guest, one of its snapshots, or a dataset that is a clone of one, with all that comes from
    it."""

    kind: Annotated[str, col("jail, vm, snapshot, or dataset.")]
    name: Annotated[str, col("Name of the guest or dataset; of a snapshot, GUEST@NAME.")]
    origins: Annotated[
        list[str], col("Snapshots of no guest that a guest's datasets are clones of.")
    ]
    snapshot: Annotated[SnapshotRow | None, col("The snapshot; null for others.")]
    children: Annotated[list[SnapshotNode], col("What comes from it.")]
