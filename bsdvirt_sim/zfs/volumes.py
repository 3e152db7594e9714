"""The data of volumes: a file at /dev/zvol/NAME, as long as the data written to it.

Beyond its end reads as zeros; holes stay holes, so that large volumes cost nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bsdvirt_sim.context import Run
from bsdvirt_sim.zfs import trees

DEVICES = "/dev/zvol"
CHUNK = 1 << 20


def place(run: Run, name: str) -> Path:
    """Return the file of a volume's data."""
    return run.path(f"{DEVICES}/{name}")


def data(run: Run, name: str) -> Path:
    """Return the file of a volume's data, also where it has no device."""
    hidden = trees.store(run, f"hidden-{run.state.datasets[name].guid}")
    return hidden if hidden.exists() else place(run, name)


def appear(run: Run, name: str) -> None:
    """Create an empty volume."""
    path = place(run, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o640)


def set_mode(run: Run, name: str, mode: str) -> None:
    """Remove the device with volmode=none, and create it again with another mode."""
    path, hidden = place(run, name), trees.store(run, f"hidden-{run.state.datasets[name].guid}")
    if mode == "none" and path.exists():
        os.replace(path, hidden)
        _tidy(path.parent, run.path(DEVICES))
    elif mode != "none" and not path.exists():
        appear(run, name)
        if hidden.exists():
            os.replace(hidden, path)


def lose(run: Run, name: str, props: dict[str, str]) -> None:
    """Do what 13.2 does at times where a mode is set that is not the inherited one: it creates
    the device in that mode, removes it, and fails to create it again."""
    parent = _volmode(run, name.rpartition("/")[0])
    if run.state.late_devices and props.get("volmode", parent) != parent:
        set_mode(run, name, "none")


def _volmode(run: Run, name: str) -> str:
    while name:
        if mode := run.state.datasets[name].props.get("volmode"):
            return mode
        name = name.rpartition("/")[0]
    return "default"


def restore(run: Run, name: str, source: Path) -> None:
    """Create a volume with the data of a snapshot."""
    appear(run, name)
    copy(source, place(run, name))


def keep(run: Run, name: str, target: Path) -> None:
    """Store the volume's current data as that of a snapshot."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copy(data(run, name), target)


def vanish(run: Run, name: str) -> None:
    """Remove the volume, and the directories that held only it."""
    path, top = place(run, name), run.path(DEVICES)
    path.unlink(missing_ok=True)
    _tidy(path.parent, top)


def move(run: Run, old: str, new: str) -> None:
    """Rename a volume."""
    source, target = place(run, old), place(run, new)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)
    _tidy(source.parent, run.path(DEVICES))


def cut(run: Run, name: str, size: int) -> None:
    """Set the size of a volume: data beyond it is lost."""
    path = place(run, name)
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)


def copy(source: Path, target: Path) -> None:
    """Copy a file's data, holes as holes."""
    with source.open("rb") as reader, target.open("wb") as writer:
        end = os.fstat(reader.fileno()).st_size
        for at, length in extents(reader.fileno()):
            reader.seek(at)
            writer.seek(at)
            left = length
            while left and (chunk := reader.read(min(CHUNK, left))):
                writer.write(chunk)
                left -= len(chunk)
        writer.truncate(end)


def extents(descriptor: int) -> Iterator[tuple[int, int]]:
    """Yield where a file has data, and how long each part is."""
    end = os.fstat(descriptor).st_size
    at = 0
    while at < end:
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        hole = os.lseek(descriptor, at, os.SEEK_HOLE)
        yield at, hole - at
        at = hole


def punch(stream: IO[bytes], at: int, length: int) -> None:
    """Make a hole in a file."""
    end = os.fstat(stream.fileno()).st_size
    if at + length >= end:
        stream.truncate(at)
        stream.truncate(end)
        return
    stream.seek(at)
    stream.write(bytes(length))


def _tidy(directory: Path, top: Path) -> None:
    with contextlib.suppress(OSError):
        while directory == top or top in directory.parents:
            directory.rmdir()
            directory = directory.parent
