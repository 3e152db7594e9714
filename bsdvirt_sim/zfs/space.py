"""The space that datasets and snapshots use.

A dataset's own data is counted as it is written by tar(1), dd(1) and the like. What only snapshots
hold is the files (or the parts of a volume) that a later one no longer has, each counted in units
of its path, size and time of change, which copies keep.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import trees, volumes

Held = dict[tuple[object, ...], int]
"""Pieces of data, and the bytes of each."""
EMPTY = 24576
"""Bytes that an empty filesystem uses."""
_SECTOR = 512
BLOCK = 1 << 17


class Space:
    """Space used by datasets: one pass over all, for any number of questions."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.state = run.state

    @functools.cached_property
    def own(self) -> dict[str, int]:
        """Return the data of each dataset itself: a clone shares what its origin holds."""
        origins = {
            f"{name}@{snap.name}": snap.refer
            for name, dataset in self.state.datasets.items()
            for snap in dataset.snaps
        }
        return {
            name: max(0, dataset.refer - origins.get(dataset.origin, 0))
            for name, dataset in self.state.datasets.items()
        }

    @functools.cached_property
    def snapshots(self) -> dict[str, int]:
        """Return what only snapshots hold, of each dataset."""
        return {
            name: self.of_range(name, dataset.snaps) if dataset.snaps else 0
            for name, dataset in self.state.datasets.items()
        }

    @functools.cached_property
    def reserved(self) -> dict[str, int]:
        """Return what is left of each refreservation."""
        wanted = {
            name: int(dataset.props.get("refreservation", "0"))
            for name, dataset in self.state.datasets.items()
        }
        return {
            name: max(0, size - self.written(name)) if size else 0 for name, size in wanted.items()
        }

    @functools.cached_property
    def used(self) -> dict[str, int]:
        """Return the use of each dataset, with all beneath it."""
        found: dict[str, int] = {}
        for name in sorted(self.state.datasets, reverse=True):
            mine = self.own[name] + self.snapshots[name] + self.reserved[name]
            found[name] = found.get(name, 0) + mine
            parent = name.rpartition("/")[0]
            if parent:
                dataset = self.state.datasets[name]
                claim = max(found[name], int(dataset.props.get("reservation", "0")))
                found[parent] = found.get(parent, 0) + claim
        return found

    def written(self, name: str, since: Snapshot | None = None) -> int:
        """Return the bytes written since a snapshot, by default the latest."""
        dataset = self.state.datasets[name]
        if not dataset.snaps:
            return self.own[name]
        old = self._held(name, dataset, since or dataset.snaps[-1])
        return _sum(_less(self._held(name, dataset, None), old))

    def written_before(self, name: str, snap: Snapshot) -> int:
        """Return the bytes written between a snapshot and the one before it."""
        dataset = self.state.datasets[name]
        index = dataset.snaps.index(snap)
        return _sum(_less(self._held(name, dataset, snap), self._before(name, index)))

    def of_range(self, name: str, snaps: Sequence[Snapshot]) -> int:
        """Return the bytes that the destruction of consecutive snapshots frees."""
        dataset = self.state.datasets[name]
        first = dataset.snaps.index(snaps[0])
        last = dataset.snaps.index(snaps[-1])
        after = dataset.snaps[last + 1] if last + 1 < len(dataset.snaps) else None
        kept = self._held(name, dataset, after) | self._before(name, first)
        found: Held = {}
        for snap in snaps:
            found |= self._held(name, dataset, snap)
        return _sum(_less(found, kept))

    def _before(self, name: str, index: int) -> Held:
        """Return what the snapshot before one holds: of a clone's first, its origin."""
        dataset = self.state.datasets[name]
        if index:
            return self._held(name, dataset, dataset.snaps[index - 1])
        parent, _, short = dataset.origin.partition("@")
        origin = self.state.datasets.get(parent)
        for snap in origin.snaps if origin else ():
            if origin and snap.name == short:
                return self._held(parent, origin, snap)
        return {}

    def _held(self, name: str, dataset: Dataset, snap: Snapshot | None) -> Held:
        """Return what a snapshot holds, or the dataset itself."""
        if dataset.kind == "volume":
            if snap is not None:
                path = trees.kept(self.run, dataset, snap)
            else:
                path = volumes.data(self.run, name)
            return dict(pieces(path).items()) if path.exists() else {}
        if snap is not None:
            return _snapshot(str(trees.kept(self.run, dataset, snap)), snap.guid)
        return _files(trees.live(self.run, dataset), trees.within(self.run, dataset))

    def allocated(self, pool: str) -> int:
        kept = self.state.pools[pool]
        return min(kept.size, kept.filled + self.used[pool])

    def available(self, name: str) -> int:
        """Return the space left: that of the pool without its slop, within each quota."""
        pool = name.split("/")[0]
        size_ = self.state.pools[pool].size
        left = size_ - size_ // 32 - self.allocated(pool)
        while name:
            quota = int(self.state.datasets[name].props.get("quota", "0"))
            if quota:
                left = min(left, quota - self.used[name])
            name = name.rpartition("/")[0]
        return max(0, left)


def _less(one: Held, other: Held) -> Held:
    return {piece: size for piece, size in one.items() if piece not in other}


def _sum(held: Held) -> int:
    return sum(held.values())


@functools.lru_cache(maxsize=4096)
def _snapshot(path: str, _guid: int) -> Held:
    return _files(Path(path), frozenset())


def _files(top: Path, skip: frozenset[str]) -> Held:
    """Return the files of a tree, without those of other file systems in it."""
    found: Held = {}
    left = [(str(top), "")]
    while left:
        place, inner = left.pop()
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            name = f"{inner}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.path not in skip:
                    left.append((entry.path, name))
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                sectors = -(-status.st_size // _SECTOR)
                found[name, status.st_size, status.st_mtime_ns] = sectors * _SECTOR
    return found


def pieces(path: Path) -> dict[tuple[int, int], int]:
    """Return the parts of a volume's data that are not holes, by where they begin and a sum of
    what they hold, and how long each is."""
    status = path.stat()
    return _pieces(str(path), status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _pieces(path: str, _inode: int, _size: int, _changed: int) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    with open(path, "rb") as stream:
        for at, length in volumes.extents(stream.fileno()):
            for start in range(at - at % BLOCK, at + length, BLOCK):
                stream.seek(start)
                chunk = stream.read(BLOCK)
                found[start, zlib.crc32(chunk)] = len(chunk)
    return found
