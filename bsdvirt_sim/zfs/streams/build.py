"""Making a snapshot and its dataset of the records of a stream."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import IO

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.snapshots import objects
from bsdvirt_sim.zfs.snapshots.rollback import restore
from bsdvirt_sim.zfs.streams.format import File, Meta, More, Reader, Record, Type


def build(
    run: Run,
    snapshot: str,
    dataset: Dataset,
    stream: IO[bytes],
    base: tuple[Dataset, Snapshot] | None,
) -> Snapshot:
    """Add the snapshot that a whole stream has, and make its data the dataset's. `base`: what an
    incremental stream begins at."""
    reader = Reader(stream)
    begin = reader.first()
    assert begin is not None
    reader.more(More | None)
    meta: Meta = reader.next().read(Meta)
    name, _, short = snapshot.partition("@")
    snap = Snapshot(
        short, begin.toguid, begin.created, run.serial(), meta.refer, volsize=meta.volsize
    )
    if dataset.kind == "volume":
        dataset.props["volsize"] = str(meta.volsize)
        dataset.props.setdefault("volblocksize", meta.volblocksize)
    place = trees.kept(run, dataset, snap)
    place.parent.mkdir(parents=True, exist_ok=True)
    trees.drop_kept(run, dataset, snap)
    if dataset.kind == "volume":
        _volume(run, reader, place, base, meta.length)
        objects.keep_volume(run, dataset, snap)
    else:
        _tree(run, reader, place, base)
        objects.write(run, dataset, snap.name, meta.objects)
    dataset.snaps.append(snap)
    if dataset.kind == "volume" and not volumes.data(run, name).exists():
        volumes.appear(run, name)
    restore(run, name, dataset, snap)
    return snap


def _volume(
    run: Run, reader: Reader, place: Path, base: tuple[Dataset, Snapshot] | None, length: int
) -> None:
    place.touch()
    if base is not None:
        volumes.copy(trees.kept(run, *base), place)
    with place.open("r+b") as stream:
        stream.truncate(length)
        for record in reader.until_end():
            header, data = record.data()
            stream.seek(header.at)
            if header.hole:
                volumes.punch(stream, header.at, min(header.hole, length - header.at))
            else:
                stream.write(data)
        stream.truncate(length)


def _tree(run: Run, reader: Reader, place: Path, base: tuple[Dataset, Snapshot] | None) -> None:
    place.mkdir(exist_ok=True)
    if base is not None:
        trees.copy(trees.kept(run, *base), place)
    modes: dict[Path, int] = {}
    changed: list[tuple[Path, File]] = []
    for record in reader.until_end():
        if record.type is Type.DATA:
            _data(place, record)
        elif record.type is Type.REMOVE:
            _remove(_beneath(place, record.read(str)))
        else:
            one: File = record.read(File)
            path = _beneath(place, one.path)
            if stat.S_ISDIR(one.mode):
                path.mkdir(exist_ok=True)
                modes[path] = one.mode
                continue
            _remove(path)
            if stat.S_ISLNK(one.mode):
                path.symlink_to(one.target)
            else:
                path.touch()
                changed.append((path, one))
    for path, one in changed:
        path.chmod(stat.S_IMODE(one.mode))
        os.utime(path, ns=(one.changed, one.changed))
    for path, mode in reversed(modes.items()):
        path.chmod(stat.S_IMODE(mode))


def _data(place: Path, record: Record) -> None:
    header, data = record.data()
    with _beneath(place, header.path).open("r+b") as stream:
        stream.seek(header.at)
        stream.write(data)


def _beneath(place: Path, path: str) -> Path:
    parts = [part for part in path.split("/") if part]
    assert ".." not in parts
    return place.joinpath(*parts)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
