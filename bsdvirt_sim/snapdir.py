"""The files of datasets: which cannot be written, and those of snapshots, in the directory .zfs.

It is in no listing of its parent, and read-only. Its files are in the hidden store, where the
directory of a dataset's snapshots is named after the dataset.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from bsdvirt.host.fs import Fs
from bsdvirt_sim.state import Mount

NAME = ".zfs"
_STEP = f"/{NAME}"
_WRITERS = (
    "append", "append_line", "link", "mkdir", "mkdir_beneath", "rename", "rmdir_beneath", "rmtree",
    "unlink", "unlink_beneath", "write", "write_beneath",
)  # fmt: skip

Mounted = Callable[[], Iterable[tuple[str, int]]]
"""Returns where file systems are mounted, and the number of each."""


def place(directory: Path, guid: int) -> Path:
    """Return where the directory .zfs of a dataset is kept."""
    return directory / "store" / f"zfs-{guid}"


class _Where(msgspec.Struct):
    """What of a dataset its files need."""

    guid: int
    mounted: str = ""
    props: dict[str, str] = {}


class _Datasets(msgspec.Struct):
    datasets: dict[str, _Where] = {}
    mounts: list[Mount] = []


_WHERE = msgspec.json.Decoder(_Datasets)


def mounted(directory: Path) -> list[tuple[str, int]]:
    """Return where file systems are mounted, and the number of each, without a lock."""
    found = _WHERE.decode((directory / "state.json").read_bytes()).datasets
    return [(dataset.mounted, dataset.guid) for dataset in found.values() if dataset.mounted]


def is_read_only(directory: Path, path: str) -> bool:
    """Whether the file system that holds a path is a dataset that is read-only."""
    found = _WHERE.decode((directory / "state.json").read_bytes())
    holders = [m for m in found.mounts if f"{path}/".startswith(m.path.rstrip("/") + "/")]
    holder = max(holders, key=lambda mount: len(mount.path), default=None)
    if holder is None or holder.kind != "zfs":
        return False
    name = holder.special
    while name:
        if (value := found.datasets[name].props.get("readonly")) is not None:
            return value == "on"
        name = name.rpartition("/")[0]
    return False


class HostFiles(Fs):
    """The files of a simulated host in a directory, with those of its snapshots."""

    def __init__(self, directory: Path, mounted: Mounted) -> None:
        super().__init__(directory / "root")
        self._directory = directory
        self._mounted = mounted

    def real(self, path: str) -> str:
        plain = super().real(path)
        if not _is_within(path):
            return plain
        parts = [part for part in path.split("/") if part]
        cut = parts.index(NAME)
        above = "/" + "/".join(parts[:cut])
        for where, guid in self._mounted():
            if where == above:
                return str(place(self._directory, guid).joinpath(*parts[cut + 1 :]))
        return plain

    def is_read_only(self, path: str) -> bool:
        """Whether a file system cannot be written."""
        return False


def _is_within(path: str) -> bool:
    return _STEP in path and NAME in path.split("/")


def _refusing(name: str) -> Callable[..., Any]:
    """Return the method of Fs, refused in a snapshot and where files cannot be written."""
    beneath = name.endswith("_beneath")
    paths = 2 if name in ("link", "rename") else 1

    @functools.wraps(getattr(Fs, name))
    def refuse(self: HostFiles, *words: Any, **more: Any) -> Any:
        for path in ["/".join(words[:2])] if beneath else words[:paths]:
            if _is_within(path) or self.is_read_only(path):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return getattr(Fs, name)(self, *words, **more)

    return refuse


for _name in _WRITERS:
    setattr(HostFiles, _name, _refusing(_name))
