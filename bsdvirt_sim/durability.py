"""What of the simulated host's files a power loss leaves: what was synced, and no more.

Kept as book while it is asked for, beside the host's files. Outside of the pools, as on UFS
with soft updates: a file holds what it held at its last fsync(2), or nothing; a directory has
the names of its own last fsync(2). In a pool an fsync(2) makes the file's data last and all
names of its dataset; a command of zfs(8) makes all last.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from bsdvirt.host.fs import Fs
from bsdvirt_sim.state import Host

PLACES = ("/etc", "/usr/local/etc", "/var/log")
"""What is watched outside of the pools; the rest of the host nobody writes to."""
_POOL = ("state", "media")


class Name(msgspec.Struct):
    """A name in a directory, as it was synced. `to` is what a link says."""

    inode: int
    mode: int
    to: str = ""


_NAMES = msgspec.json.Decoder(dict[str, Name])


class SimFs(Fs):
    """The host's files, with the book kept."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "root")
        self._book = Book(directory)

    def synced(self, path: str) -> None:
        if self._book.kept:
            self._book.synced(path)


class Book:
    """The book of one host."""

    def __init__(self, directory: Path) -> None:
        self._top = directory / "disk"
        self._fs = Fs(directory / "root")

    @property
    def kept(self) -> bool:
        return self._top.is_dir()

    def begin(self, state: Host) -> None:
        """All that is there now is on disk, and the book is kept from now on."""
        for part in ("names", "data"):
            (self._top / part).mkdir(parents=True, exist_ok=True)
        for place in PLACES:
            for top, _, files in os.walk(self._fs.path(place)):
                here = "/" + str(Path(top).relative_to(self._fs.prefix))
                self._take_names(here)
                for file in files:
                    self._take_data(f"{here}/{file}")
        self.settle(state)

    def synced(self, path: str) -> None:
        """fsync(2) of a file or directory."""
        if any(path == place or path.startswith(place + "/") for place in PLACES):
            if self._fs.is_dir(path):
                self._take_names(path)
            else:
                self._take_data(path)
            return
        directory = path if self._fs.is_dir(path) else os.path.dirname(path)
        if self._names(directory).exists():
            self._take_names(directory)
            self._take_data(path)

    def settle(self, state: Host) -> None:
        """A command of zfs(8) has ended: the pools are on disk as they are."""
        for place in _pool_places(state):
            self._take_names(place)
            for name in self._fs.listdir(place):
                self._take_data(f"{place}/{name}")

    def cut(self, state: Host) -> None:
        """Lose the power: leave what is on disk."""
        for place in PLACES:
            self._put(place)
        for place in _pool_places(state):
            self._put(place, deep=False)
        shutil.rmtree(self._top)

    # ---- the pages ----

    def _names(self, directory: str) -> Path:
        return self._top / "names" / quote(directory, safe="")

    def _data(self, inode: int) -> Path:
        return self._top / "data" / str(inode)

    def _take_names(self, directory: str) -> None:
        found: dict[str, Name] = {}
        with os.scandir(self._fs.path(directory)) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                to = os.readlink(entry.path) if entry.is_symlink() else ""
                found[entry.name] = Name(status.st_ino, status.st_mode, to)
        self._names(directory).write_bytes(msgspec.json.encode(found))

    def _take_data(self, path: str) -> None:
        real = self._fs.path(path)
        status = real.lstat()
        if stat.S_ISREG(status.st_mode):
            shutil.copyfile(real, self._data(status.st_ino))

    # ---- after the loss ----

    def _put(self, directory: str, *, deep: bool = True) -> None:
        """Make a directory what it was on disk; without `deep`, its plain files only."""
        page = self._names(directory)
        names = _NAMES.decode(page.read_bytes()) if page.exists() else {}
        place = self._fs.path(directory)
        for name in _there(place):
            real = place / name
            if real.is_dir() and not real.is_symlink():
                if deep and name not in names:
                    shutil.rmtree(real)
            else:
                real.unlink()
        first: dict[int, Path] = {}
        for name, was in names.items():
            real = place / name
            if stat.S_ISDIR(was.mode):
                if deep:
                    real.mkdir(exist_ok=True)
                    real.chmod(stat.S_IMODE(was.mode))
                    self._put(f"{directory}/{name}")
            elif stat.S_ISLNK(was.mode):
                real.symlink_to(was.to)
            elif was.inode in first:
                real.hardlink_to(first[was.inode])
            elif stat.S_ISREG(was.mode):
                first[was.inode] = real
                data = self._data(was.inode)
                real.write_bytes(data.read_bytes() if data.exists() else b"")
                real.chmod(stat.S_IMODE(was.mode))


def _there(place: Path) -> list[str]:
    return os.listdir(place) if place.is_dir() else []


def _pool_places(state: Host) -> Iterator[str]:
    """The directories of datasets that are mounted, in which bsdvirt writes files."""
    for mount in state.mounts:
        *_, above, name = ("", "", *mount.path.split("/"))
        if mount.kind == "zfs" and (name in _POOL or above == "guests"):
            yield mount.path
