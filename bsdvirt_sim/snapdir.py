"""The snapshots of a mounted file system, as files: the directory .zfs in it.

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

from bsdvirt.host.fs import Fs

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


class HostFiles(Fs):
    """The files of a simulated host in a directory, with those of its snapshots."""

    def __init__(self, directory: Path, mounted: Mounted) -> None:
        super().__init__(directory / "root")
        self._directory = directory
        self._mounted = mounted

    def path(self, path: str) -> Path:
        plain = super().path(path)
        if not _is_within(path):
            return plain
        parts = [part for part in path.split("/") if part]
        cut = parts.index(NAME)
        above = "/" + "/".join(parts[:cut])
        for where, guid in self._mounted():
            if where == above:
                return place(self._directory, guid).joinpath(*parts[cut + 1 :])
        return plain

    def version(self, path: str) -> tuple[int, int, int]:
        if not _is_within(path):
            return super().version(path)
        seen = os.lstat(self.path(path))
        return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _is_within(path: str) -> bool:
    return _STEP in path and NAME in path.split("/")


def _refusing(name: str) -> Callable[..., Any]:
    """Return the method of Fs, refused in a snapshot."""
    paths = 2 if name in ("link", "rename") or name.endswith("_beneath") else 1

    @functools.wraps(getattr(Fs, name))
    def refuse(self: HostFiles, *words: Any, **more: Any) -> Any:
        for path in words[:paths]:
            if _is_within(f"/{path}"):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return getattr(Fs, name)(self, *words, **more)

    return refuse


for _name in _WRITERS:
    setattr(HostFiles, _name, _refusing(_name))
