"""Copy and remove trees of files by descriptors, to any depth.

One directory of each side is open at a time. The way back up is `..`, as in fts(3): it must lead to
the directory that it came from, or the tree was changed on purpose.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable

from msgspec import Struct

from bsdvirt.errors import HostError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
SET_ID = stat.S_ISUID | stat.S_ISGID
DEEPEST = 4096
"""Limit of the depth: a guest could keep creating directories."""
CHUNK = 1 << 20


class _Level(Struct):
    """A directory in progress. `left` are the remaining names, in reverse order."""

    left: list[str]
    source: tuple[int, int]
    target: tuple[int, int]
    status: os.stat_result
    name: str
    made: bool
    """Created by this copy: an existing directory keeps its owner and mode."""


class Tree(Struct):
    """Copies the contents of one directory into another. Both stay open, and belong to the
    caller."""

    source: int
    target: int
    keep_ids: bool
    check: Callable[[], None]
    made: bool
    """Whether the target was created for this."""
    copied: int = 0
    """Files and links."""

    def run(self) -> None:
        """Raises HostError for what cannot be copied or was changed meanwhile, and OSError."""
        here = (os.dup(self.source), os.dup(self.target))
        try:
            levels = [self._enter(here, "", self.made)]
            while levels:
                self.check()
                level = levels[-1]
                if level.left:
                    here = self._one(here, level.left.pop(), levels)
                    continue
                if level.made:
                    like(level.status, here[1], self.keep_ids)
                os.fsync(here[1])
                levels.pop()
                if levels:
                    here = self._up(here, levels[-1], level.name)
        finally:
            for descriptor in here:
                os.close(descriptor)

    def _one(self, here: tuple[int, int], name: str, levels: list[_Level]) -> tuple[int, int]:
        source, target = here
        mode = os.stat(name, dir_fd=source, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            if len(levels) >= DEEPEST:
                raise HostError(f"{name}: more than {DEEPEST} directories deep", "leave it out")
            deeper, made = self._down(here, name)
            levels.append(self._enter(deeper, name, made))
            return deeper
        if stat.S_ISLNK(mode):
            copy_link(source, name, target, name)
        else:
            copy_file(source, name, target, name, self.keep_ids, self.check)
        self.copied += 1
        return here

    def _down(self, here: tuple[int, int], name: str) -> tuple[tuple[int, int], bool]:
        made = True
        try:
            os.mkdir(name, 0o700, dir_fd=here[1])
        except FileExistsError:
            made = False
        source = os.open(name, _DIRECTORY, dir_fd=here[0])
        try:
            target = os.open(name, _DIRECTORY, dir_fd=here[1])
        except OSError:
            os.close(source)
            raise
        for descriptor in here:
            os.close(descriptor)
        return (source, target), made

    def _enter(self, here: tuple[int, int], name: str, made: bool) -> _Level:
        status = os.fstat(here[0])
        names = sorted(os.listdir(here[0]), reverse=True)
        return _Level(names, _identity(here[0]), _identity(here[1]), status, name, made)

    def _up(self, here: tuple[int, int], level: _Level, name: str) -> tuple[int, int]:
        source = parent(here[0], level.source, name)
        try:
            target = parent(here[1], level.target, name)
        except (OSError, HostError):
            os.close(source)
            raise
        for descriptor in here:
            os.close(descriptor)
        return source, target


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def parent(descriptor: int, expected: tuple[int, int], name: str) -> int:
    """Open the parent directory. Raises HostError if it is not the one that it came from: `name`
    was moved meanwhile."""
    above = os.open("..", _DIRECTORY, dir_fd=descriptor)
    if _identity(above) != expected:
        os.close(above)
        raise HostError(f"{name} was moved meanwhile", "try again")
    return above


def copy_link(source: int, name: str, target: int, new: str) -> None:
    """Copy a symbolic link as a link."""
    temporary = temporary_name(source, target, new)
    os.symlink(os.readlink(name, dir_fd=source), temporary, dir_fd=target)
    _into_place(target, temporary, new)


def copy_file(
    source: int, name: str, target: int, new: str, keep_ids: bool, check: Callable[[], None]
) -> None:
    """Copy a regular file, up to its length when it is opened. Other file types are not opened: a
    FIFO would block, and a device may have side effects."""
    _need_file(os.stat(name, dir_fd=source, follow_symlinks=False), name)
    descriptor = os.open(name, _READ, dir_fd=source)
    try:
        status = os.fstat(descriptor)
        _need_file(status, name)
        temporary = temporary_name(source, target, new)
        written = os.open(temporary, _WRITE, 0o600, dir_fd=target)
        try:
            copy_content(descriptor, written, status.st_size, check)
            like(status, written, keep_ids)
            os.fsync(written)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=target)
            raise
        finally:
            os.close(written)
        _into_place(target, temporary, new)
    finally:
        os.close(descriptor)


def _need_file(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise HostError(f"{name} is not a file, directory or link: not copied", "leave it out")


def copy_content(source: int, target: int, size: int, check: Callable[[], None]) -> None:
    """Keep holes: a small file may claim any length."""
    at = 0
    while at < size:
        begin, end = _data(source, at, size)
        os.lseek(source, begin, os.SEEK_SET)
        os.lseek(target, begin, os.SEEK_SET)
        at = begin
        while at < end:
            check()
            chunk = os.read(source, min(CHUNK, end - at))
            if not chunk:
                # It was cut short meanwhile.
                size = at
                break
            _write(target, chunk)
            at += len(chunk)
    os.ftruncate(target, size)


def _data(source: int, at: int, size: int) -> tuple[int, int]:
    """Return the range of the next data; all of the rest if the file system does not know holes."""
    try:
        begin = os.lseek(source, at, os.SEEK_DATA)
        end = os.lseek(source, begin, os.SEEK_HOLE)
    except OSError as error:
        return (size, size) if error.errno == errno.ENXIO else (at, size)
    return (min(begin, size), min(end, size)) if end > begin else (at, size)


def _write(target: int, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(target, left) :]


def _into_place(directory: int, temporary: str, name: str) -> None:
    try:
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def temporary_name(source: int, target: int, name: str) -> str:
    """Return a temporary name, and remove what a killed copy left there. If the source has a file
    of that name, another is chosen."""
    short = os.fsdecode(os.fsencode(name)[:200])
    temporary = f".{short}.bsdvirt"
    try:
        os.stat(temporary, dir_fd=source, follow_symlinks=False)
        temporary = f".{short}.{os.getpid()}.bsdvirt"
    except FileNotFoundError:
        pass
    remove_tree(target, temporary)
    return temporary


def like(status: os.stat_result, descriptor: int, keep_ids: bool) -> None:
    """Set owner (as root), then mode, which a change of owner clears, and times."""
    if os.geteuid() == 0:
        os.fchown(descriptor, status.st_uid, status.st_gid)
    mode = stat.S_IMODE(status.st_mode)
    os.fchmod(descriptor, mode if keep_ids else mode & ~SET_ID)
    os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))


def remove_tree(directory: int, name: str) -> None:
    """Remove a file, or a directory of any depth with its contents, if it exists, without following
    links."""
    try:
        os.unlink(name, dir_fd=directory)
        return
    except FileNotFoundError:
        return
    except OSError as error:
        # FreeBSD says EPERM of a directory, Linux EISDIR.
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
    here = os.dup(directory)
    way: list[_Going] = []
    try:
        here = _into(here, name, way)
        while way:
            level = way[-1]
            if level.left:
                deeper = level.left.pop()
                here = _into(here, deeper, way)
            else:
                way.pop()
                here = _replaced(here, parent(here, level.above, level.name))
                os.rmdir(level.name, dir_fd=here)
    finally:
        os.close(here)


class _Going(Struct):
    """A directory being emptied: its path, and the names still in it."""

    name: str
    above: tuple[int, int]
    left: list[str]


def _into(here: int, name: str, way: list[_Going]) -> int:
    way.append(_Going(name, _identity(here), []))
    here = _replaced(here, os.open(name, _DIRECTORY, dir_fd=here))
    way[-1].left = _remove_files(here)
    return here


def _replaced(old: int, new: int) -> int:
    os.close(old)
    return new


def _remove_files(directory: int) -> list[str]:
    """Remove everything but directories, and return the names of these."""
    left = []
    for name in os.listdir(directory):
        if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            left.append(name)
        else:
            os.unlink(name, dir_fd=directory)
    return left
