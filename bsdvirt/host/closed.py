"""Whether a directory is its owner's alone."""

from __future__ import annotations

import os
import stat

from bsdvirt.host.fs import Fs


def open_to_others(fs: Fs, path: str) -> str:
    """Why a directory is not this user's alone, in words; "" where it is, and nobody else may
    enter it. No link is followed."""
    try:
        found = os.lstat(fs.path(path))
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return "is no directory"
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}"
    mode = stat.S_IMODE(found.st_mode)
    return f"is open to others (mode {mode:04o})" if mode & 0o077 else ""
