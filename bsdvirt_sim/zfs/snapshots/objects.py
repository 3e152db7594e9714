"""The objects (files and directories) of a file system and its snapshots, by number.

They are how zfs diff(8) knows a file again that was renamed. The numbers of current files are kept
by their inodes; a file that is not known yet gets the number of what the latest snapshot (or the
origin) has at its path, or else the next one.
"""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path

import msgspec

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import trees
from bsdvirt_sim.zfs.space import EMPTY, pieces

FIRST = 34
"""The number of a file system's root."""


class Object(msgspec.Struct, frozen=True):
    """A file: its number, its type and mode, when it was changed, and of a directory its names."""

    number: int
    mode: int
    changed: int
    names: int = 0

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


class _Known(msgspec.Struct):
    """The number of an inode. `changed` is the time of the original of a copy that was last
    changed at `seen`."""

    number: int
    seen: int
    changed: int


Objects = dict[str, Object]
"""Files by their paths in the file system, which begin with a slash."""
Pieces = dict[int, int]
"""Parts of a volume: where they begin, and a sum of what they hold."""
Known = dict[int, _Known]
_OBJECTS = msgspec.json.Decoder(Objects)
_PIECES = msgspec.json.Decoder(Pieces)
_KNOWN = msgspec.json.Decoder(Known)
_HEAD = "@"


def listed(run: Run, dataset: Dataset, name: str) -> Objects:
    """Return the files of a snapshot (NAME) or bookmark (#NAME)."""
    place = trees.table(run, dataset, name)
    return _OBJECTS.decode(place.read_bytes()) if place.exists() else {}


def pieces_listed(run: Run, dataset: Dataset, name: str) -> Pieces:
    """Return the parts of a volume's snapshot or bookmark: where, and a sum."""
    return _PIECES.decode(trees.table(run, dataset, name).read_bytes())


def of_dataset(run: Run, dataset: Dataset) -> Objects:
    """Return the current files of a dataset."""
    known = _known(run, dataset)
    before = _before(run, dataset)
    used = {one.number for one in known.values()} | {one.number for one in before.values()}
    following = max(used, default=FIRST) + 1
    taken: set[int] = set()
    found: Objects = {}
    fresh: list[str] = []
    for path, status, names in _walk(trees.live(run, dataset), trees.within(run, dataset)):
        one = known.get(status.st_ino)
        changed = status.st_ctime_ns
        if one is not None and one.seen == changed:
            changed = one.changed
        old = before.get(path)
        number = one.number if one is not None else 0
        if one is None and old is not None and not known:
            number = old.number
        if path == "/":
            number = FIRST
        if number in taken:
            number = 0
        taken.add(number)
        found[path] = Object(number, status.st_mode, changed, names)
        if not number:
            fresh.append(path)
    for path in fresh:
        found[path] = msgspec.structs.replace(found[path], number=following)
        following += 1
    return found


def keep(run: Run, dataset: Dataset, snap: Snapshot) -> None:
    """Keep the current files as those of a snapshot that is taken, and count their bytes."""
    found = of_dataset(run, dataset)
    write(run, dataset, snap.name, found)
    size = EMPTY + _remember(run, dataset, found)
    snap.refer = max(snap.refer, size)


def keep_volume(run: Run, dataset: Dataset, snap: Snapshot) -> None:
    """Keep the parts of a volume that a snapshot holds."""
    write(run, dataset, snap.name, dict(pieces(trees.kept(run, dataset, snap)).keys()))


def write(run: Run, dataset: Dataset, name: str, found: Objects | Pieces | Known) -> None:
    """Keep a list."""
    place = trees.table(run, dataset, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(msgspec.json.encode(found))


def restored(run: Run, dataset: Dataset, snap: Snapshot) -> None:
    """Record that the current files are copies of those of a snapshot."""
    _remember(run, dataset, listed(run, dataset, snap.name))


def _remember(run: Run, dataset: Dataset, found: Objects) -> int:
    """Keep the numbers of the current files, and return the bytes of all."""
    known: Known = {}
    size = 0
    for path, status, _ in _walk(trees.live(run, dataset), trees.within(run, dataset)):
        if one := found.get(path):
            known[status.st_ino] = _Known(one.number, status.st_ctime_ns, one.changed)
        size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    write(run, dataset, _HEAD, known)
    return size


def _known(run: Run, dataset: Dataset) -> Known:
    place = trees.table(run, dataset, _HEAD)
    return _KNOWN.decode(place.read_bytes()) if place.exists() else {}


def _before(run: Run, dataset: Dataset) -> Objects:
    """Return the files of the latest snapshot, or of the origin."""
    if dataset.snaps:
        return listed(run, dataset, dataset.snaps[-1].name)
    parent, _, short = dataset.origin.partition("@")
    origin = run.state.datasets.get(parent)
    return listed(run, origin, short) if origin else {}


def _walk(top: Path, skip: frozenset[str]) -> list[tuple[str, os.stat_result, int]]:
    """Return all files of a tree: path, status, and a sum of a directory's names."""
    found: list[tuple[str, os.stat_result, int]] = []
    left = [(str(top), "")]
    while left:
        place, path = left.pop()
        try:
            status = os.lstat(place)
        except OSError:
            continue
        names: list[str] = []
        if stat.S_ISDIR(status.st_mode):
            names = [] if place in skip else sorted(os.listdir(place))
            left += [(f"{place}/{name}", f"{path}/{name}") for name in reversed(names)]
        found.append((path or "/", status, zlib.crc32("/".join(names).encode())))
    return found
