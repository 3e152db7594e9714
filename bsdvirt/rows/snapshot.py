"""Rows of snapshots."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.rows.base import BYTES, Row, col


class SnapshotRow(Row, frozen=True, kw_only=True):
    """A snapshot of a guest."""

    guest: Annotated[str, col("Name of the guest.")]
    name: Annotated[str, col("Name of the snapshot.")]
    created: Annotated[str, col("When it was taken, in UTC.")]
    used: Annotated[int, col("Space that only it holds.", unit=BYTES)]
    referenced: Annotated[int, col("Data that it shows, shared or not.", unit=BYTES)]
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
    clones: Annotated[list[str], col("Datasets that are clones of it.")]
    datasets: Annotated[list[str], col("Datasets in it.")]
    missing: Annotated[list[str], col("Datasets that the guest has now and that are not in it.")]
