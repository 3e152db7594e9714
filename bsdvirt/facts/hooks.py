"""Hooks on the host: whether a file may be run as root."""

from __future__ import annotations

import stat
from pathlib import Path

from bsdvirt.host.base import Host
from bsdvirt.layout import HOOK_DIRECTORY

WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def hook_problem(host: Host, hook: str) -> str:
    """Return why a hook must not be run as root; empty where it may."""
    owner = host.owner_uid
    path = host.fs.path(f"{HOOK_DIRECTORY}/{hook}")
    if not path.exists():
        return f"{HOOK_DIRECTORY}/{hook} does not exist"
    for directory in (path.parent.parent, path.parent):
        if why := _wrong(directory, owner):
            return f"{HOOK_DIRECTORY}, or what it is in, {why}"
    target = path.resolve()
    if target.parent != path.parent.resolve():
        return f"{HOOK_DIRECTORY}/{hook} is a link out of that directory"
    if not target.is_file():
        return f"{HOOK_DIRECTORY}/{hook} is not a plain file"
    if why := _wrong(target, owner):
        return f"{HOOK_DIRECTORY}/{hook} {why}"
    if not target.stat().st_mode & stat.S_IXUSR:
        return f"{HOOK_DIRECTORY}/{hook} is not executable: chmod 755"
    return ""


def _wrong(path: Path, owner: int) -> str:
    """Return why others than root may change a file; empty where they may not."""
    try:
        found = path.lstat()
    except OSError as error:
        return str(error.strerror)
    if stat.S_ISLNK(found.st_mode):
        return "is a link"
    if found.st_uid != owner:
        return "is not root's: chown root"
    if found.st_mode & WRITABLE:
        return "can be written by others: chmod go-w"
    return ""
