"""What is sent of a snapshot: all, or what is not in an earlier snapshot or bookmark."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Bookmark, Dataset, Snapshot
from bsdvirt_sim.zfs import keys, trees
from bsdvirt_sim.zfs.properties import View, find_bookmark, find_snapshot
from bsdvirt_sim.zfs.snapshots import objects
from bsdvirt_sim.zfs.snapshots.objects import Objects, Pieces
from bsdvirt_sim.zfs.streams.format import CHUNK, Begin, Data, File, Meta, More, Type, Writer

OVERHEAD = 624
"""Bytes of the smallest stream."""

Part = tuple[Type, Any, bytes]


@dataclass(frozen=True)
class From:
    """The snapshot or bookmark that an incremental stream begins at."""

    name: str
    guid: int
    dataset: Dataset
    table: str


def from_named(run: Run, name: str) -> From | None:
    """Find a snapshot or bookmark by its full name."""
    mark = "#" if "#" in name else "@"
    parent = name.partition(mark)[0]
    find = find_bookmark if mark == "#" else find_snapshot
    found: Snapshot | Bookmark | None = find(run.state, name)
    if found is None:
        return None
    table = f"#{found.name}" if mark == "#" else found.name
    return From(name, found.guid, run.state.datasets[parent], table)


class Source:
    """One stream: a snapshot, and where it begins."""

    def __init__(
        self, run: Run, name: str, begins: From | None, flags: frozenset[str], resume: int = -1
    ) -> None:
        self.run = run
        self.name = name
        self.parent = name.partition("@")[0]
        self.dataset = run.state.datasets[self.parent]
        snap = find_snapshot(run.state, name)
        assert snap is not None
        self.snap: Snapshot = snap
        self.begins = begins
        self.flags = flags
        self.resume = resume

    def begin(self) -> Begin:
        raw = self._is_raw()
        wanted = (FEATURES[flag] for flag in FEATURES if flag in self.flags)
        return Begin(
            self.dataset.kind,
            self.name,
            self.snap.guid,
            self.snap.created,
            self.begins.guid if self.begins else 0,
            self.begins is not None and self.begins.dataset is not self.dataset,
            [feature for feature in wanted if raw or feature != "rawok"],
            self.resume >= 0,
        )

    def _is_raw(self) -> bool:
        return "w" in self.flags and bool(keys.key_root(self.run.state, self.parent))

    def _more(self) -> More | None:
        """Return what the first record holds besides."""
        if not self._is_raw():
            return More(self.resume) if self.resume >= 0 else None
        root = keys.key_root(self.run.state, self.parent)
        props = self.run.state.datasets[root].props
        return More(self.resume, {p: props[p] for p in ENCRYPTION if p in props})

    def _meta(self) -> Meta:
        if self.dataset.kind == "filesystem":
            return Meta(self.snap.refer, objects.listed(self.run, self.dataset, self.snap.name))
        return Meta(
            self.snap.refer,
            length=self._place().stat().st_size,
            volsize=self.snap.volsize,
            volblocksize=View(self.run).get(self.parent, "volblocksize")[0],
        )

    def size(self) -> int:
        """Return the estimate of `zfs send -nP`; with -R and -I, a clone counts as a whole."""
        whole = self.flags & {"R", "I"} and self.begin().clone
        if self.begins is None or whole:
            return self.snap.refer + OVERHEAD
        moved = 0
        for type_, header, data in self._parts():
            if type_ is Type.DATA:
                moved += len(data) + header.hole
        return moved + OVERHEAD

    def write(self, writer: Writer) -> None:
        """Write the stream."""
        writer.begin(self.begin(), self._more())
        writer.put(Type.META, self._meta())
        for number, (type_, header, data) in enumerate(self._parts()):
            if number >= self.resume:
                writer.put(type_, header, data)
        writer.end()

    def _place(self) -> Path:
        return trees.kept(self.run, self.dataset, self.snap)

    def _parts(self) -> Iterator[Part]:
        if self.dataset.kind == "volume":
            return self._of_volume()
        return self._of_files()

    def _of_files(self) -> Iterator[Part]:
        old: Objects = {}
        if self.begins is not None:
            old = objects.listed(self.run, self.begins.dataset, self.begins.table)
        new = objects.listed(self.run, self.dataset, self.snap.name)
        for path in sorted(old, reverse=True):
            if path not in new or _type(old[path].mode) != _type(new[path].mode):
                yield Type.REMOVE, path, b""
        for path in sorted(new):
            one, was = new[path], old.get(path)
            same = was is not None and _type(was.mode) == _type(one.mode)
            if stat.S_ISDIR(one.mode):
                if not (same and was is not None and was.mode == one.mode):
                    yield Type.FILE, File(path, one.mode), b""
            elif not same or was != one:
                yield from self._file(path, one.mode)

    def _file(self, path: str, mode: int) -> Iterator[Part]:
        place = f"{self._place()}{path}"
        if stat.S_ISLNK(mode):
            yield Type.FILE, File(path, mode, target=os.readlink(place)), b""
            return
        if not stat.S_ISREG(mode):
            return
        with open(place, "rb") as stream:
            yield Type.FILE, File(path, mode, os.fstat(stream.fileno()).st_mtime_ns), b""
            at = 0
            while chunk := stream.read(CHUNK):
                yield Type.DATA, Data(at, path), chunk
                at += len(chunk)

    def _of_volume(self) -> Iterator[Part]:
        old: Pieces = {}
        if self.begins is not None:
            old = objects.pieces_listed(self.run, self.begins.dataset, self.begins.table)
        new = objects.pieces_listed(self.run, self.dataset, self.snap.name)
        with self._place().open("rb") as stream:
            for at in sorted(old.keys() | new.keys()):
                if at not in new:
                    yield Type.DATA, Data(at, hole=CHUNK), b""
                elif old.get(at) != new[at]:
                    stream.seek(at)
                    yield Type.DATA, Data(at), stream.read(CHUNK)


ENCRYPTION = ("encryption", "keyformat", "keylocation")
FEATURES = {"L": "largeblockok", "e": "embedok", "c": "compressok", "w": "rawok"}
"""Flags of zfs send, by their names in a resume token."""


def _type(mode: int) -> int:
    return stat.S_IFMT(mode)
