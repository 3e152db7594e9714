"""Files copied into a guest's root and out of it.

A guest's administrator owns what is in its root, and may change it meanwhile: every
directory on the way is opened from the one before, and no link is followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from bsdvirt.errors import HostError, NotFoundError, UsageError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
SET_ID = stat.S_ISUID | stat.S_ISGID


def copy_in(source: str, root: Path, inner: str, *, recursive: bool) -> None:
    """Copy a file (a directory and all in it with `recursive`) of the host's beneath `root`.

    Raises UsageError, NotFoundError, HostError for a link on the way, and OSError.
    """
    real = Path(source).resolve()
    if not real.exists():
        raise NotFoundError(f"{source} is not there", "look at its path")
    parts = plain_parts(inner)
    with _open_outer(real.parent) as outer, _walk(root, parts, into=True) as (directory, last):
        _copy(outer, real.name, directory, last or real.name, recursive, keep_ids=True)
        os.fsync(directory)


def copy_out(root: Path, inner: str, target: str, *, recursive: bool) -> None:
    """The other way. What would run as another user loses that: the guest's owner is not
    to make programs of root's on the host."""
    parts = plain_parts(inner)
    if not parts:
        raise UsageError("the whole root is not copied", "name a directory in it")
    place = Path(target)
    directory, name = (place, parts[-1]) if place.is_dir() else (place.parent, place.name)
    with _walk(root, parts, into=False) as (inside, last), _open_outer(directory) as outer:
        _copy(inside, last, outer, name, recursive, keep_ids=False)
        os.fsync(outer)


def plain_parts(path: str) -> tuple[str, ...]:
    """The names in a path. Raises UsageError for one that goes up."""
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts or "\0" in path:
        raise UsageError(f"{path!r}: no .. in it", "name the path itself")
    return parts


@contextlib.contextmanager
def _open_outer(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _walk(root: Path, parts: tuple[str, ...], *, into: bool) -> Iterator[tuple[int, str]]:
    """The directory of the last part, and its name; with `into`, where that is a directory,
    itself and no name."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    last = parts[-1] if parts else ""
    try:
        for number, part in enumerate(parts):
            final = number == len(parts) - 1
            if final and not (into and _kind(descriptor, part) is stat.S_ISDIR):
                if _kind(descriptor, part) is stat.S_ISLNK:
                    raise _refused(parts, part, "is a link")
                break
            try:
                deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
            except OSError as error:
                link = error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR)
                why = "is a link, or no directory" if link else str(error.strerror)
                raise _refused(parts, part, why) from error
            os.close(descriptor)
            descriptor = deeper
            if final:
                last = ""
        yield descriptor, last
    finally:
        os.close(descriptor)


def _refused(parts: tuple[str, ...], part: str, why: str) -> HostError:
    return HostError(f"/{'/'.join(parts)}: {part} {why}", "no link is followed: name the real path")


def _kind(directory: int, name: str) -> object:
    """S_ISDIR or S_ISLNK, for what is one; None for all else, and for nothing."""
    try:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    return next((test for test in (stat.S_ISDIR, stat.S_ISLNK) if test(mode)), None)


def _copy(
    source: int, name: str, target: int, new: str, recursive: bool, *, keep_ids: bool
) -> None:
    mode = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        _copy_link(source, name, target, new)
    elif stat.S_ISDIR(mode):
        if not recursive:
            raise UsageError(f"{name} is a directory", "-r copies it with all in it")
        _copy_directory(source, name, target, new, keep_ids)
    elif stat.S_ISREG(mode):
        _copy_file(source, name, target, new, keep_ids)
    else:
        raise HostError(f"{name} is no file, directory or link: not copied", "leave it out")


def _copy_link(source: int, name: str, target: int, new: str) -> None:
    """As a link: it says what it says."""
    temporary = _temporary(target, new)
    os.symlink(os.readlink(name, dir_fd=source), temporary, dir_fd=target)
    os.replace(temporary, new, src_dir_fd=target, dst_dir_fd=target)


def _copy_directory(source: int, name: str, target: int, new: str, keep_ids: bool) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(new, 0o700, dir_fd=target)
    inner = os.open(name, _DIRECTORY, dir_fd=source)
    try:
        outer = os.open(new, _DIRECTORY, dir_fd=target)
        try:
            for entry in sorted(os.listdir(inner)):
                _copy(inner, entry, outer, entry, True, keep_ids=keep_ids)
            _like(os.fstat(inner), outer, keep_ids)
            os.fsync(outer)
        finally:
            os.close(outer)
    finally:
        os.close(inner)


def _copy_file(source: int, name: str, target: int, new: str, keep_ids: bool) -> None:
    descriptor = os.open(name, _READ, dir_fd=source)
    with open(descriptor, "rb") as reader:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise HostError(f"{name} is no file any more", "try again")
        temporary = _temporary(target, new)
        try:
            with open(os.open(temporary, _WRITE, 0o600, dir_fd=target), "wb") as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)
                writer.flush()
                _like(status, writer.fileno(), keep_ids)
                os.fsync(writer.fileno())
            os.replace(temporary, new, src_dir_fd=target, dst_dir_fd=target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=target)
            raise


def _temporary(directory: int, name: str) -> str:
    """A name for what is not whole yet; what a killed copy left there goes."""
    temporary = f".{name[:200]}.bsdvirt"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    return temporary


def _like(status: os.stat_result, descriptor: int, keep_ids: bool) -> None:
    """Owner (where we are root), then mode, which a change of owner cuts; and times."""
    if os.geteuid() == 0:
        os.fchown(descriptor, status.st_uid, status.st_gid)
    mode = stat.S_IMODE(status.st_mode)
    os.fchmod(descriptor, mode if keep_ids else mode & ~SET_ID)
    os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
