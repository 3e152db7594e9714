"""Private copies of files that are verified and then opened again by tools, by name.

In between, no other user may replace or write the file. Where one could, as its owner or that of
a directory on the path, a private copy is used, made through one descriptor.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.errors import HostError, NotFoundError, UsageError
from bsdvirt.host.fs import Fs
from bsdvirt.host.tree import copy_content
from bsdvirt.library.progress import amount
from bsdvirt.plan import events
from bsdvirt.session.session import Session

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_COPY = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_LINKS = 32


class Opened(Struct):
    """A regular file: its descriptor, its path without symbolic links, and whether only root can
    change it."""

    descriptor: int
    path: str
    ours: bool


@contextlib.contextmanager
def held(session: Session, path: str, verb: str, subject: str) -> Iterator[str]:
    """Yield a path of the file that no other user can change during the block.

    Raises NotFoundError, UsageError if it is not a regular file, HostError for another user's
    symbolic link.
    """
    opened = open_file(session.host.fs, path)
    try:
        if opened.ours or session.preview:
            yield opened.path
            return
        why = "writable by other users: copying it first"
        session.sink(events.Told("", verb, subject, f"{path}: {why}"))
        copy = f"{session.layout.fetched}/{verb.replace(' ', '-')}.{subject}.copy"
        try:
            _copy(session, opened, copy)
            yield copy
        finally:
            session.host.fs.unlink(copy)
            with contextlib.suppress(OSError):
                session.host.fs.path(session.layout.fetched).rmdir()
    finally:
        os.close(opened.descriptor)


def _copy(session: Session, opened: Opened, copy: str) -> None:
    size = os.fstat(opened.descriptor).st_size
    room = session.inventory().datasets[0].available
    if size > room:
        raise HostError(
            f"{opened.path}: a private copy needs {amount(size)}, and only {amount(room)} are free",
            "move it to a directory that only root can write to, or free space",
        )
    fs = session.host.fs
    fs.mkdir(os.path.dirname(copy), 0o700)
    written = os.open(fs.path(copy), _COPY, 0o600)
    try:
        copy_content(opened.descriptor, written, size, session.interrupt.check)
    finally:
        os.close(written)


def open_file(fs: Fs, path: str) -> Opened:
    """Open a regular file, directory by directory. Symbolic links are followed if they belong to
    root or the caller. Raises as `held` does."""
    try:
        return _walk(fs, path)
    except IsADirectoryError:
        raise UsageError(f"{path} is a directory", "name a file") from None
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}", "name a file on this host") from error


def _walk(fs: Fs, path: str) -> Opened:
    way = [os.open(fs.path("/"), _DIRECTORY)]
    names: list[str] = []
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    ours, links = _is_ours(os.fstat(way[0]), None), 0
    try:
        while todo:
            part = todo.pop()
            if part == "..":
                if names:
                    os.close(way.pop())
                    names.pop()
                continue
            found = os.stat(part, dir_fd=way[-1], follow_symlinks=False)
            ours = ours and _is_ours(found, os.fstat(way[-1]))
            if stat.S_ISLNK(found.st_mode):
                links += 1
                target = _followed(path, part, found, links, way[-1])
                if target.startswith("/"):
                    while names:
                        os.close(way.pop())
                        names.pop()
                todo += [one for one in reversed(target.split("/")) if one not in ("", ".")]
            elif stat.S_ISDIR(found.st_mode):
                way.append(os.open(part, _DIRECTORY, dir_fd=way[-1]))
                names.append(part)
            elif todo:
                raise NotADirectoryError(20, "Not a directory")
            else:
                return _opened(path, part, names, way[-1], ours)
        raise IsADirectoryError
    finally:
        for descriptor in way:
            os.close(descriptor)


def _followed(path: str, part: str, found: os.stat_result, links: int, directory: int) -> str:
    if found.st_uid not in (0, os.geteuid()):
        raise HostError(f"{path}: {part} is a symbolic link of another user", "name the real path")
    if links > MOST_LINKS:
        raise HostError(f"{path}: too many links", "name the real path")
    return os.readlink(part, dir_fd=directory)


def _opened(path: str, part: str, names: list[str], directory: int, ours: bool) -> Opened:
    status = os.stat(part, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        descriptor = os.open(part, _READ, dir_fd=directory)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            ours = ours and not status.st_mode & 0o022
            return Opened(descriptor, "/".join(("", *names, part)), ours)
        os.close(descriptor)
    raise UsageError(f"{path} is not a regular file", "copy it to a file with dd(1)")


def _is_ours(found: os.stat_result, above: os.stat_result | None) -> bool:
    """Return whether no other user can replace it: it is ours, in a directory that only we can
    write to or that is sticky (/tmp)."""
    if found.st_uid not in (0, os.geteuid()):
        return False
    return above is None or not above.st_mode & 0o022 or bool(above.st_mode & stat.S_ISVTX)
