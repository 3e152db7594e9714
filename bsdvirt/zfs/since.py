"""What datasets have had since a snapshot: bookmarks, and bytes; and the limits that a rollback
meets (zfs-bookmark(8), written@snapshot in zfsprops(7))."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural

LIMITS = ("refquota", "refreservation", "available")


class Bookmark(Struct, frozen=True):
    """A bookmark of a snapshot that may be gone."""

    full: str
    """Such as tank/a#b."""
    txg: int
    """The transaction group of its snapshot."""

    @property
    def dataset(self) -> str:
        return self.full.partition("#")[0]


class Since(Struct, frozen=True):
    """A dataset compared to one of its snapshots. In bytes; 0 where a limit is not set."""

    written: int
    """What it refers to and that was written after the snapshot."""
    refquota: int = 0
    refreservation: int = 0
    available: int = 0


def read_bookmarks(host: Host, root: str) -> list[Bookmark]:
    """Return the bookmarks of a dataset and of all below it. Raises CommandError."""
    argv = (tools.ZFS, "list", "-Hp", "-r", "-t", "bookmark", "-o", "name,createtxg", root)
    rows = (line.split("\t") for line in host.run(argv, changes=False).check().stdout.split("\n"))
    return [
        Bookmark(row[0], number)
        for row in rows
        if len(row) == 2 and "#" in row[0] and (number := natural(row[1])) is not None
    ]


def read_since(host: Host, snapshots: Mapping[str, str]) -> dict[str, Since]:
    """Compare datasets to their snapshots, by the dataset's name: `snapshots` are the names after
    the @. One command for each such name. Raises CommandError."""
    names: dict[str, list[str]] = {}
    for dataset, short in snapshots.items():
        names.setdefault(short, []).append(dataset)
    found: dict[str, Since] = {}
    for short, datasets in names.items():
        found |= _since(host, f"written@{short}", datasets)
    return found


def _since(host: Host, written: str, datasets: list[str]) -> dict[str, Since]:
    columns = ("-Hp", "-o", "name,property,value")
    argv = (tools.ZFS, "get", *columns, ",".join((written, *LIMITS)), *datasets)
    values: dict[str, dict[str, int]] = {}
    for line in host.run(argv, changes=False).check().stdout.split("\n"):
        row = line.split("\t")
        if len(row) == 3:
            values.setdefault(row[0], {})[row[1]] = natural(row[2]) or 0
    return {
        name: Since(held.get(written, 0), *(held.get(limit, 0) for limit in LIMITS))
        for name, held in values.items()
    }
