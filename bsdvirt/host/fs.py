"""The host's files: atomic writes, and writes beneath a root that follow no link.

On the simulated host every path lies beneath a directory, the prefix.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from bsdvirt.errors import HostError, UsageError
from bsdvirt.host.reading import READ_LIMIT, read_regular

_LINKS = 32
"""How many links may be followed on one way (MAXSYMLINKS in sys/param.h)."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PathError(UsageError, ValueError):
    """A path that is not absolute, or goes up."""


class Fs:
    """Files by the host's absolute paths. `prefix` is where the host's / lies."""

    def __init__(self, prefix: str | Path = "/") -> None:
        self.prefix = Path(prefix)

    def path(self, path: str) -> Path:
        """Where a path of the host's lies for this process."""
        pure = PurePosixPath(path)
        if not pure.is_absolute() or ".." in pure.parts or "\0" in path:
            raise PathError(f"not an absolute, plain path: {path!r}", "write it without ..")
        return self.prefix / path.lstrip("/")

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.path(path))

    def is_dir(self, path: str) -> bool:
        return self.path(path).is_dir()

    def is_file(self, path: str) -> bool:
        return self.path(path).is_file()

    def kind(self, path: str) -> Literal["file", "device", "directory", "other"] | None:
        """What is there, links followed; None where nothing is."""
        try:
            mode = self.path(path).stat().st_mode
        except OSError:
            return None
        if stat.S_ISREG(mode):
            return "file"
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            return "device"
        return "directory" if stat.S_ISDIR(mode) else "other"

    def identity(self, path: str) -> tuple[int, int] | None:
        """What a path leads to, whatever it is called: the device of a device node, else the
        file's file system and number. Links are followed; None where nothing is."""
        try:
            status = self.path(path).stat()
        except OSError:
            return None
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            return (-1, status.st_rdev)
        return (status.st_dev, status.st_ino)

    def is_locked(self, path: str) -> bool:
        """Whether somebody holds the flock(2) of a file. Reading only: no file is made."""
        try:
            descriptor = os.open(self.path(path), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def listdir(self, path: str) -> list[str]:
        """The names in a directory, sorted; none where it is not there."""
        try:
            return sorted(os.listdir(self.path(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read_text(self, path: str, limit: int = READ_LIMIT, *, follow: bool = True) -> str:
        """A file's text; without `follow`, of no link. Raises OSError as `read_bytes` does,
        and for what is not UTF-8."""
        data = self.read_bytes(path, limit, follow=follow)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise OSError(errno.EILSEQ, f"line {line} is not UTF-8 text", path) from None

    def read_bytes(self, path: str, limit: int = READ_LIMIT, *, follow: bool = True) -> bytes:
        """Raises OSError as open() does, for what is no regular file (a FIFO, a device), and
        for more than `limit` bytes."""
        return read_regular(self.path(path), limit, path, follow=follow)

    def read_or(self, path: str, default: str = "", *, follow: bool = True) -> str:
        """The file's text, or `default` where there is no such file."""
        try:
            return self.read_text(path, follow=follow)
        except FileNotFoundError:
            return default

    def mkdir(self, path: str, mode: int = 0o755, *, sync: bool = False) -> None:
        """Make a directory, and those of its parents that are missing, with that mode, whatever
        the umask; what is there already is left as it is."""
        real = self.path(path)
        if real.is_dir():
            return
        place, fresh = PurePosixPath(path), [path]
        while not self.is_dir(str(place.parent)):
            place = place.parent
            fresh.append(str(place))
        for missing in map(self.path, reversed(fresh)):
            with contextlib.suppress(FileExistsError):
                missing.mkdir(0o700)
                missing.chmod(mode)
        for directory in (*fresh, str(place.parent)) if sync else ():
            self.sync_dir(directory)

    def write(self, path: str, content: str, mode: int = 0o644, *, sync: bool = False) -> None:
        """Put a whole file in place at once, so that a reader sees old or new, never half.

        `sync` makes it outlive a power loss.
        """
        real = self.path(path)
        temporary = real.with_name(f".{real.name}.{os.getpid()}.new")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(temporary, flags, mode)
            with open(descriptor, "w", encoding="utf-8") as stream:
                os.fchmod(descriptor, mode)
                stream.write(content)
                stream.flush()
                if sync:
                    os.fsync(descriptor)
            if sync:
                self.synced(f"{os.path.dirname(path)}/{temporary.name}")
            os.replace(temporary, real)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        if sync:
            self.sync_dir(os.path.dirname(path))

    def sync_dir(self, path: str) -> None:
        """Make a directory's entries outlive a power loss."""
        self._sync(path, os.O_DIRECTORY)

    def sync_file(self, path: str) -> None:
        """Make what a file holds outlive a power loss; what is no plain file has nothing
        to be synced."""
        if self.kind(path) == "file":
            self._sync(path, 0)

    def _sync(self, path: str, flag: int) -> None:
        descriptor = os.open(self.path(path), os.O_RDONLY | flag | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.synced(path)

    def synced(self, path: str) -> None:
        """What is called once a file or directory was synced. The simulated host keeps book
        of what a power loss leaves."""

    def append(self, path: str, text: str, mode: int = 0o644) -> None:
        real = self.path(path)
        descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)

    def unlink(self, path: str, *, sync: bool = False) -> None:
        """Remove a file; one that is not there is no error."""
        with contextlib.suppress(FileNotFoundError):
            self.path(path).unlink()
        if sync:
            self._sync_parent(path)

    def _sync_parent(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self.sync_dir(os.path.dirname(path))

    def rename(self, path: str, to: str) -> None:
        """Move a file or directory within its file system, so that it outlives a power
        loss. Raises FileExistsError where something is in its place."""
        if self.exists(to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to)
        self.sync_file(path)
        os.rename(self.path(path), self.path(to))
        for directory in {os.path.dirname(path), os.path.dirname(to)}:
            self.sync_dir(directory)

    def link(self, path: str, to: str) -> None:
        """Give a file another name, in place of whatever has that name."""
        self.unlink(to)
        os.link(self.path(path), self.path(to))

    def rmtree(self, path: str, *, sync: bool = False) -> None:
        """Remove a directory and all in it; one that is not there is no error."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path(path))
        if sync:
            self._sync_parent(path)

    def write_beneath(self, root: str, relative: str, content: str, mode: int = 0o644) -> None:
        """Write a file beneath `root` without following any link on the way.

        A guest's administrator owns what is in its root: a link there must never
        lead a write of ours elsewhere. A link in the place of the file itself is
        replaced. Raises HostError where a directory on the way is a link or missing.
        """
        parts = plain_parts(relative)
        with self.directory_beneath(root, parts[:-1]) as directory:
            temporary = f".{parts[-1]}.bsdvirt"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=directory)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, mode, dir_fd=directory)
            with open(descriptor, "w", encoding="utf-8") as stream:
                os.fchmod(descriptor, mode)
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            os.replace(temporary, parts[-1], src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)

    def unlink_beneath(self, root: str, relative: str) -> None:
        """Remove a file beneath `root`, no link followed; one not there is no error."""
        parts = plain_parts(relative)
        with (
            self.directory_beneath(root, parts[:-1]) as directory,
            contextlib.suppress(FileNotFoundError),
        ):
            os.unlink(parts[-1], dir_fd=directory)
            os.fsync(directory)

    def read_beneath(self, root: str, relative: str, limit: int = READ_LIMIT) -> str | None:
        """A file's text beneath `root`, no link followed; None where it is not a plain file.

        Raises HostError for more than `limit` bytes.
        """
        parts = plain_parts(relative)
        shown = f"{root}/{relative}"
        try:
            with self.directory_beneath(root, parts[:-1]) as directory:
                data = read_regular(parts[-1], limit, shown, follow=False, directory=directory)
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise HostError(f"{shown}: {error.strerror}", "remove it") from error
            return None
        except HostError:
            return None
        return data.decode("utf-8", "replace")

    def is_file_beneath(self, root: str, relative: str) -> bool:
        """Whether a plain file is there beneath `root`, no link followed. It is not read."""
        parts = plain_parts(relative)
        try:
            with self.directory_beneath(root, parts[:-1]) as directory:
                found = os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
        except (OSError, HostError):
            return False
        return stat.S_ISREG(found.st_mode)

    def leads_to_file(self, root: str, path: str) -> bool:
        """Whether a path of a guest's leads to a plain file, as the guest sees it: its links
        are followed within `root`, and no further."""
        rest = list(reversed(PurePosixPath(path.lstrip("/")).parts))
        trail: list[int] = []
        links = 0
        try:
            trail.append(os.open(self.path(root), _DIRECTORY))
            while rest:
                part = rest.pop()
                if part == "..":
                    if len(trail) > 1:
                        os.close(trail.pop())
                    continue
                mode = os.stat(part, dir_fd=trail[-1], follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    links += 1
                    if links > _LINKS:
                        return False
                    to = PurePosixPath(os.readlink(part, dir_fd=trail[-1]))
                    if to.is_absolute():
                        while len(trail) > 1:
                            os.close(trail.pop())
                    rest += reversed([p for p in to.parts if p != "/"])
                elif rest:
                    trail.append(os.open(part, _DIRECTORY, dir_fd=trail[-1]))
                else:
                    return stat.S_ISREG(mode)
        except OSError:
            return False
        finally:
            for descriptor in trail:
                os.close(descriptor)
        return False

    def mkdir_beneath(self, root: str, relative: str, mode: int = 0o755) -> None:
        """Make one directory beneath `root`, no link followed; one that is there stays as
        it is. Raises HostError as write_beneath does, OSError for what is no directory."""
        parts = plain_parts(relative)
        with self.directory_beneath(root, parts[:-1]) as directory:
            try:
                os.mkdir(parts[-1], dir_fd=directory)
            except FileExistsError:
                os.close(os.open(parts[-1], _DIRECTORY, dir_fd=directory))
            else:
                made = os.open(parts[-1], _DIRECTORY, dir_fd=directory)
                os.fchmod(made, mode)
                os.close(made)
                os.fsync(directory)

    def rmdir_beneath(self, root: str, relative: str) -> None:
        """Remove an empty directory beneath `root`, no link followed; one that is not
        there, or holds something, is no error."""
        parts = plain_parts(relative)
        with (
            contextlib.suppress(FileNotFoundError, HostError),
            self.directory_beneath(root, parts[:-1]) as directory,
        ):
            try:
                os.rmdir(parts[-1], dir_fd=directory)
                os.fsync(directory)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    def look_beneath(self, root: str, relative: str) -> tuple[tuple[str, ...], str]:
        """The directories on the way to `relative` (and it) that are not there beneath
        `root`, and why there can be none, in words: no link is followed. A root that is not
        there has nothing in it."""
        parts = PurePosixPath(relative).parts
        with contextlib.ExitStack() as stack:
            descriptor = -1
            for depth in range(len(parts) + 1):
                try:
                    if depth == 0:
                        descriptor = os.open(self.path(root), _DIRECTORY)
                    else:
                        descriptor = os.open(parts[depth - 1], _DIRECTORY, dir_fd=descriptor)
                except FileNotFoundError:
                    first = max(depth, 1)
                    return tuple("/".join(parts[:n]) for n in range(first, len(parts) + 1)), ""
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
                        return (), str(error.strerror)
                    shown = "/".join(parts[:depth])
                    return (), f"{root}/{shown} is a link or a file, and no directory"
                stack.callback(os.close, descriptor)
        return (), ""

    @contextlib.contextmanager
    def directory_beneath(self, root: str, parts: tuple[str, ...]) -> Iterator[int]:
        """A directory beneath `root`, no link followed. Raises HostError as write_beneath."""
        descriptor = os.open(self.path(root), _DIRECTORY)
        try:
            for part in parts:
                try:
                    deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
                except OSError as error:
                    why = (
                        "is a link"
                        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR)
                        else str(error.strerror)
                    )
                    raise HostError(
                        f"{root}/{'/'.join(parts)}: {part} {why}; not written",
                        "make it a plain directory",
                    ) from error
                os.close(descriptor)
                descriptor = deeper
            yield descriptor
        finally:
            os.close(descriptor)


def plain_parts(relative: str) -> tuple[str, ...]:
    """The names in a path beneath a root. Raises ValueError for one that goes up."""
    parts = PurePosixPath(relative).parts
    if not parts or any(part in ("..", "/", ".") for part in parts):
        raise ValueError(f"not a plain relative path: {relative!r}")
    return parts
