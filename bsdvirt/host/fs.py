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
from pathlib import Path, PurePosixPath
from typing import Literal

from bsdvirt.errors import UsageError
from bsdvirt.host.beneath import Beneath
from bsdvirt.host.read import READ_LIMIT, read_regular


class PathError(UsageError, ValueError):
    """A path that is not absolute, or goes up."""


class Fs(Beneath):
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
            if place == place.parent:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
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

    def append_line(self, path: str, line: str, mode: int = 0o644) -> None:
        """Add a line of its own, behind one that a power loss has torn too."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with open(os.open(self.path(path), flags, mode), "r+b", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            torn = size > 0 and os.pread(stream.fileno(), 1, size - 1) != b"\n"
            stream.write((b"\n" if torn else b"") + line.encode("utf-8", "replace") + b"\n")

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
