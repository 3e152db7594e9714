"""Carry out what was decided about a root, in a new copy of the newer release.

No guest has seen that copy yet, and nothing of the guest's root is in it: its paths lead where they
seem to. What is copied from the guest's root is listed, for tar(1) to copy afterwards.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from bsdvirt.errors import HostError
from bsdvirt.host.merge.trees import UNITS, Check, Choice, Decisions, compare

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def apply(
    base: Path, mine: Path, root: Path, work: Path, choice: Choice, digest: str, check: Check
) -> None:
    """Merge into `root`, a copy of the newer release. `work` is a directory of the host for the
    list of what is copied, and for files that others are made from.

    Raises HostError if the decisions are not those with that digest.
    """
    decisions = compare(base, mine, root, choice, check)
    if decisions.digest != digest or decisions.conflicts:
        raise HostError(f"{mine} has changed since the upgrade was planned", "try again")
    for path in sorted(decisions.remove, reverse=True):
        _remove(root, path)
    for path, content in decisions.merge.items():
        _replace(root, path, content)
        if path in UNITS:
            _write(work, path.rpartition("/")[2], content, 0o600)
    for path in decisions.modes:
        _set_rights(mine, root, path)
    _write(work, LIST, listing(decisions), 0o600)


LIST = "carried"
"""The list of what tar(1) copies, each name with a NUL after it."""


def listing(decisions: Decisions) -> bytes:
    """Return the list. No name begins with a dash, or with an @, which tar(1) interprets."""
    return b"".join(os.fsencode(f"./{path}") + b"\0" for path in decisions.carry)


@contextlib.contextmanager
def _parent(root: Path, path: str) -> Iterator[tuple[int, str]]:
    """Open the directory of a path, without following links."""
    *parts, name = path.split("/")
    descriptor = os.open(root, _DIRECTORY)
    try:
        for part in parts:
            deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor, name
    finally:
        os.close(descriptor)


def _remove(root: Path, path: str) -> None:
    _unlock(root / path)
    with _parent(root, path) as (directory, name):
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.rmdir(name, dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)


def _unlock(path: Path) -> int:
    """Clear the flags of a file, such as schg, with which it cannot be changed; return them."""
    flags: int = getattr(path.lstat(), "st_flags", 0)
    if flags:
        _set_flags(path, 0)
    return flags


def _set_flags(path: Path, flags: int) -> None:
    change: Callable[[Path, int], None] | None = getattr(os, "lchflags", None)
    if change is not None:
        change(path, flags)


def _replace(root: Path, path: str, content: bytes) -> None:
    """Replace a file's content; its mode and owner stay."""
    with _parent(root, path) as (directory, name):
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        _unlock(root / path)
        temporary = f".{name}.bsdvirt"
        descriptor = os.open(temporary, _NEW, 0o600, dir_fd=directory)
        with open(descriptor, "wb") as stream:
            stream.write(content)
            os.fchown(descriptor, found.st_uid, found.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def _set_rights(mine: Path, root: Path, path: str) -> None:
    with _parent(mine, path) as (source, name), _parent(root, path) as (target, _):
        wanted = os.stat(name, dir_fd=source, follow_symlinks=False)
        there = os.stat(name, dir_fd=target, follow_symlinks=False)
        if stat.S_ISLNK(there.st_mode):
            return
        flags = _unlock(root / path)
        os.chown(name, wanted.st_uid, wanted.st_gid, dir_fd=target)
        os.chmod(name, stat.S_IMODE(wanted.st_mode), dir_fd=target)
        if flags:
            _set_flags(root / path, flags)


def _write(directory: Path, name: str, content: bytes, mode: int) -> None:
    descriptor = os.open(directory / name, _NEW, mode)
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
