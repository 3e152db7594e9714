"""Directories that only root may look into: made so, and kept so."""

from __future__ import annotations

import os
import stat

from bsdvirt.errors import HostError
from bsdvirt.host.fs import Fs

PRIVATE = 0o700


def keep_private(fs: Fs, path: str) -> None:
    """Correct the mode of a directory of ours, where it is there.

    Raises HostError where it is no directory, or another user's.
    """
    real = fs.path(path)
    try:
        found = os.lstat(real)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        raise HostError(f"{path} is no directory", f"look at what it is: ls -ld {path}; remove it")
    if found.st_uid != os.geteuid():
        raise HostError(f"{path} belongs to user {found.st_uid}", f"chown root:wheel {path}")
    if is_open(found.st_mode):
        os.chmod(real, PRIVATE)


def others_may(fs: Fs, path: str) -> bool:
    """Whether other users can look into a directory that is there."""
    try:
        found = os.lstat(fs.path(path))
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and is_open(found.st_mode)


def is_open(mode: int) -> bool:
    return bool(stat.S_IMODE(mode) & 0o077)
