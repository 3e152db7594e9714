"""Which files of the simulated host survive a power loss: those that were synced.

Recorded on request in a directory beside the host's files. Outside the pools, as on UFS with soft
updates: a file has its content of the last fsync(2), or none; a directory has the names of its own
last fsync(2). In a pool, an fsync(2) writes the file's data and all names of its dataset; a command
of zfs(8) writes everything.
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
from bsdvirt_sim.snapdir import HostFiles, is_read_only, mounted
from bsdvirt_sim.state import Host

PLACES = ("/etc", "/usr/local/etc", "/var/log")
"""The directories outside the pools that are recorded; bsdvirt writes to no others."""
_POOL = ("state", "media")


class Name(msgspec.Struct):
    """A name in a directory when it was synced. `to` is the target of a link."""

    inode: int
    mode: int
    to: str = ""


_NAMES = msgspec.json.Decoder(dict[str, Name])


class SimFs(HostFiles):
    """The host's files, with syncs recorded."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, lambda: mounted(directory))
        self._record = SyncRecord(directory)

    def is_read_only(self, path: str) -> bool:
        return is_read_only(self._directory, path)

    def synced(self, path: str) -> None:
        if self._record.active:
            self._record.synced(path)


class SyncRecord:
    """The record of one host."""

    def __init__(self, directory: Path) -> None:
        self._top = directory / "disk"
        self._fs = Fs(directory / "root")

    @property
    def active(self) -> bool:
        return self._top.is_dir()

    def begin(self, state: Host) -> None:
        """Take everything as synced now, and start recording."""
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
        """Record an fsync(2) of a file or directory."""
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
        """Record that the pools are on disk, as after a command of zfs(8)."""
        for place in _pool_places(state):
            self._take_names(place)
            for name in self._fs.listdir(place):
                self._take_data(f"{place}/{name}")

    def cut(self, state: Host) -> None:
        """Lose power: leave what is on disk."""
        for place in PLACES:
            self._restore(place)
        for place in _pool_places(state):
            self._restore(place, deep=False)
        shutil.rmtree(self._top)

    # ---- recording ----

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

    # ---- after a power loss ----

    def _restore(self, directory: str, *, deep: bool = True) -> None:
        """Restore a directory as it was on disk; without `deep`, only its regular files."""
        page = self._names(directory)
        names = _NAMES.decode(page.read_bytes()) if page.exists() else {}
        place = self._fs.path(directory)
        for name in _listdir(place):
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
                    self._restore(f"{directory}/{name}")
            elif stat.S_ISLNK(was.mode):
                real.symlink_to(was.to)
            elif was.inode in first:
                real.hardlink_to(first[was.inode])
            elif stat.S_ISREG(was.mode):
                first[was.inode] = real
                data = self._data(was.inode)
                real.write_bytes(data.read_bytes() if data.exists() else b"")
                real.chmod(stat.S_IMODE(was.mode))


def _listdir(place: Path) -> list[str]:
    return os.listdir(place) if place.is_dir() else []


def _pool_places(state: Host) -> Iterator[str]:
    """Yield the mounted datasets in which bsdvirt writes files."""
    for mount in state.mounts:
        *_, above, name = ("", "", *mount.path.split("/"))
        if mount.kind == "zfs" and (name in _POOL or above == "guests"):
            yield mount.path
