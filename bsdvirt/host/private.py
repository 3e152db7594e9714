"""Directories that only their owner may enter."""

from __future__ import annotations

import os
import stat

from bsdvirt.errors import HostError
from bsdvirt.host.fs import Fs

PRIVATE = 0o700


def keep_private(fs: Fs, path: str) -> None:
    """Correct the mode of a directory of bsdvirt, if it exists.

    Raises HostError for what is not a directory, or belongs to another user.
    """
    real = fs.path(path)
    try:
        found = os.lstat(real)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        raise HostError(f"{path} is not a directory", f"ls -ld {path} shows what it is; remove it")
    if found.st_uid != os.geteuid():
        raise HostError(f"{path} belongs to user {found.st_uid}", f"chown root:wheel {path}")
    if _is_open(found.st_mode):
        os.chmod(real, PRIVATE)


def others_may_enter(fs: Fs, path: str) -> bool:
    """Whether a directory exists that other users can look into."""
    try:
        found = os.lstat(fs.path(path))
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and _is_open(found.st_mode)


def why_not_private(fs: Fs, path: str) -> str:
    """Return why others than this user may have written in a directory, or an empty string.
    Symbolic links are not followed."""
    try:
        found = os.lstat(fs.path(path))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a directory"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}"
    mode = stat.S_IMODE(found.st_mode)
    return f"is open to others (mode {mode:04o})" if _is_open(mode) else ""


def _is_open(mode: int) -> bool:
    return bool(stat.S_IMODE(mode) & 0o077)
