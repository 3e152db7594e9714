"""Read a regular file completely, up to a limit."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
READ_LIMIT = 4 << 20
"""Largest file to read, in bytes: neither bsdvirt nor a person writes larger ones."""
CHUNK = 1 << 16


def read_regular(
    path: str | Path,
    limit: int,
    shown: str = "",
    *,
    follow: bool = True,
    directory: int | None = None,
) -> bytes:
    """Return the contents of a regular file of at most `limit` bytes, relative to an open directory
    if given. Other file types are not opened: a FIFO would block, and a device may have side
    effects.

    Raises OSError, with `shown` as its path.
    """
    shown = shown or str(path)
    look = os.stat(path, dir_fd=directory, follow_symlinks=follow)
    _need_regular(look, shown)
    descriptor = os.open(path, _READ | (0 if follow else os.O_NOFOLLOW), dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        _need_regular(status, shown)
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"larger than {limit} bytes", shown)
        data = bytearray()
        while chunk := os.read(descriptor, CHUNK):
            data += chunk
            if len(data) > limit:
                raise OSError(errno.EFBIG, f"larger than {limit} bytes", shown)
    finally:
        os.close(descriptor)
    return bytes(data)


def _need_regular(status: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), shown)
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "is a link", shown)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", shown)
