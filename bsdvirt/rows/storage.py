"""Rows of storage: the pools, and what takes their space."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.rows.base import BYTES, PERCENT, Row, col
from bsdvirt.rows.host import PoolRow


class ZpoolRow(Row, frozen=True, kw_only=True):
    """A zpool with guests on it."""

    name: Annotated[str, col("Name of the zpool.")]
    size: Annotated[int, col("Size of the pool.", unit=BYTES)]
    allocated: Annotated[int, col("Space allocated.", unit=BYTES)]
    free: Annotated[int, col("Space not allocated.", unit=BYTES)]
    capacity: Annotated[int, col("Space allocated, of the size.", unit=PERCENT)]
    fragmentation: Annotated[
        int | None, col("Fragmentation of the free space; null if unknown.", unit=PERCENT)
    ]
    health: Annotated[str, col("Health, as zpool(8) names it, such as ONLINE.")]
    scan: Annotated[str, col("Last scrub or resilver, as zpool-status(8) describes it.")]
    errors: Annotated[str, col("Data errors, as zpool-status(8) describes them.")]
    datasets: Annotated[list[str], col("Datasets of bsdvirt's pools on it.")]
    guests: Annotated[int, col("Space that guests take.", unit=BYTES)]
    library: Annotated[int, col("Space that releases, images and media take.", unit=BYTES)]
    other: Annotated[int, col("Space that everything else takes.", unit=BYTES)]


class DatasetRow(Row, frozen=True, kw_only=True):
    """A dataset or volume, and what it takes."""

    name: Annotated[str, col("Name of the dataset.")]
    kind: Annotated[str, col("Either filesystem or volume.")]
    used: Annotated[int, col("Space that it takes, with all below it.", unit=BYTES)]
    data: Annotated[int, col("Of this, its own data.", unit=BYTES)]
    snapshots: Annotated[int, col("Of this, what only its snapshots hold.", unit=BYTES)]
    children: Annotated[int, col("Of this, datasets below it.", unit=BYTES)]
    reserved: Annotated[int, col("Of this, what is reserved and not written yet.", unit=BYTES)]
    available: Annotated[int, col("Space that it may still take.", unit=BYTES)]
    referenced: Annotated[
        int, col("Data that it shows, shared with its origin or not.", unit=BYTES)
    ]
    volsize: Annotated[int | None, col("Size of a volume.", unit=BYTES)]
    quota: Annotated[int | None, col("Most that it may take with all below it.", unit=BYTES)]
    refquota: Annotated[int | None, col("Most that it may take by itself.", unit=BYTES)]
    reservation: Annotated[int | None, col("Space reserved for it and all below it.", unit=BYTES)]
    refreservation: Annotated[int | None, col("Space reserved for its own data.", unit=BYTES)]
    compressratio: Annotated[float | None, col("Compression ratio.")]
    origin: Annotated[str | None, col("Snapshot that it is a clone of.")]


class OwnerRow(Row, frozen=True, kw_only=True):
    """What one guest, one release and so on takes, and its datasets."""

    zpool: Annotated[str, col("Zpool that it is on.")]
    kind: Annotated[
        str,
        col(
            "jail, vm, foreign (a guest of another host), stray (among the guests, but none),"
            " release, image, media, bsdvirt (its own datasets) or other."
        ),
    ]
    name: Annotated[str, col("Name of the guest, release or image; else of the dataset.")]
    used: Annotated[int, col("Space that it takes.", unit=BYTES)]
    snapshots: Annotated[int, col("Of this, what only snapshots hold.", unit=BYTES)]
    reserved: Annotated[int, col("Of this, what is reserved and not written yet.", unit=BYTES)]
    referenced: Annotated[
        int, col("Data of its datasets, shared with their origins or not.", unit=BYTES)
    ]
    volsize: Annotated[int | None, col("Size of its volumes.", unit=BYTES)]
    quota: Annotated[int | None, col("Most that it may take.", unit=BYTES)]
    compressratio: Annotated[float | None, col("Compression ratio.")]
    why: Annotated[str, col("Why it belongs to no guest, or is foreign.")]
    datasets: Annotated[list[DatasetRow], col("Its datasets, by name.")]


class StorageRow(Row, frozen=True, kw_only=True):
    """What takes the space of the pools, as `pool usage` prints it."""

    zpools: Annotated[list[ZpoolRow], col("Zpools with guests on them.")]
    pools: Annotated[list[PoolRow], col("Pools that guests are created on, as `pool ls` has them.")]
    owners: Annotated[list[OwnerRow], col("What takes their space, the most first.")]
