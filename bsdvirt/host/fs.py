"""The host's files: atomic writes, and writes beneath a root without following links. On the
simulated host every path is below a directory, the prefix."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from bsdvirt.errors import HostError, UsageError
from bsdvirt.host.beneath import READ_LIMIT, Beneath, parts_of, read_regular, unlink_if_there

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal


class PathError(UsageError, ValueError):
    """A path that is not absolute, or has `..`."""


class Fs(Beneath):
    """Files by the host's absolute paths. `prefix` is the directory of the host's /."""

    def __init__(self, prefix: str | Path = "/") -> None:
        self._prefix = str(prefix).rstrip("/")

    @property
    def prefix(self) -> Path:
        """The directory of the host's /."""
        # Imported here, as in path(): it takes longer than all that a listing reads of files.
        from pathlib import Path

        return Path(self._prefix or "/")

    def real(self, path: str) -> str:
        """Return the path for this process of a path of the host."""
        parts = parts_of(path)
        if path[:1] != "/" or ".." in parts or "\0" in path:
            raise PathError(f"not an absolute, plain path: {path!r}", "write it without ..")
        return "/".join((self._prefix, *parts)) or "/"

    def path(self, path: str) -> Path:
        """The same, for what works with paths."""
        from pathlib import Path

        return Path(self.real(path))

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.real(path))

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(self.real(path))

    def is_file(self, path: str) -> bool:
        return os.path.isfile(self.real(path))

    def is_link(self, path: str) -> bool:
        return os.path.islink(self.real(path))

    def kind(self, path: str) -> Literal["file", "device", "directory", "other"] | None:
        """Return the type of a file, following links; None if it does not exist."""
        try:
            mode = os.stat(self.real(path)).st_mode
        except OSError:
            return None
        if stat.S_ISREG(mode):
            return "file"
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            return "device"
        return "directory" if stat.S_ISDIR(mode) else "other"

    def is_locked(self, path: str) -> bool:
        """Whether a file is locked by flock(2). Creates no file."""
        try:
            descriptor = os.open(self.real(path), os.O_RDWR | os.O_CLOEXEC)
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
        """Return the sorted names in a directory; none if it does not exist."""
        try:
            return sorted(os.listdir(self.real(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read_text(self, path: str, limit: int = READ_LIMIT, *, follow: bool = True) -> str:
        """Return the text of a file; without `follow`, not of a symbolic link. Raises OSError as
        `read_bytes` does, and for what is not UTF-8."""
        data = self.read_bytes(path, limit, follow=follow)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise OSError(errno.EILSEQ, f"line {line} is not UTF-8 text", path) from None

    def read_bytes(self, path: str, limit: int = READ_LIMIT, *, follow: bool = True) -> bytes:
        """Return the contents of a file. Raises OSError as open() does, for other file types (a
        FIFO, a device), and for more than `limit` bytes."""
        return read_regular(self.real(path), limit, path, follow=follow)

    def size(self, path: str) -> int:
        """Return the size of a regular file; 0 where there is none. No link is followed."""
        try:
            status = os.lstat(self.real(path))
        except OSError:
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def version(self, path: str) -> tuple[int, int, int]:
        """Return the time, size and number of a file: they differ once it is changed. Raises
        OSError."""
        seen = os.lstat(self.real(path))
        return seen.st_mtime_ns, seen.st_size, seen.st_ino

    def read_from(self, path: str, start: int, limit: int) -> bytes:
        """Return at most `limit` bytes of a file, from byte `start` on."""
        with open(self.real(path), "rb") as stream:
            stream.seek(start)
            return stream.read(limit)

    def read_or(self, path: str, default: str = "", *, follow: bool = True) -> str:
        """Return the text of a file, or `default` if it does not exist."""
        try:
            return self.read_text(path, follow=follow)
        except FileNotFoundError:
            return default

    def mkdir(self, path: str, mode: int = 0o755, *, sync: bool = False) -> None:
        """Create a directory and its missing parents with that mode, regardless of the umask;
        existing ones are not changed."""
        if self.is_dir(path):
            return
        parts = parts_of(path)
        places = [f"/{'/'.join(parts[:depth])}" for depth in range(len(parts) + 1)]
        there = len(parts) - 1
        while not self.is_dir(places[there]):
            if there == 0:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/")
            there -= 1
        for missing in map(self.real, places[there + 1 :]):
            try:
                os.mkdir(missing, 0o700)
            except FileExistsError:
                continue
            os.chmod(missing, mode)
        for directory in (*reversed(places[there + 1 :]), places[there]) if sync else ():
            self.sync_dir(directory)

    def write(
        self,
        path: str,
        content: str,
        mode: int = 0o644,
        *,
        sync: bool = False,
        group: int | None = None,
    ) -> None:
        """Write a file atomically, so that a reader sees the old or the new contents. `sync` makes
        it survive a power loss; `group` is the number of its group."""
        real = self.real(path)
        above, _, name = real.rpartition("/")
        temporary = f"{above}/.{name}.{os.getpid()}.new"
        try:
            # What has this name is a remainder, or another user's in a directory of his: a hard
            # link to a file of ours, or a FIFO.
            unlink_if_there(temporary)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(temporary, flags, mode)
            with open(descriptor, "w", encoding="utf-8") as stream:
                if group is not None:
                    os.fchown(descriptor, -1, group)
                os.fchmod(descriptor, mode)
                stream.write(content)
                stream.flush()
                if sync:
                    os.fsync(descriptor)
            if sync:
                self.synced(f"{os.path.dirname(path)}/{temporary.rpartition('/')[2]}")
            os.replace(temporary, real)
        except BaseException:
            try:  # noqa: SIM105 (contextlib takes longer to import than all else here)
                os.unlink(temporary)
            except OSError:
                pass
            raise
        if sync:
            self.sync_dir(os.path.dirname(path))

    def sync_dir(self, path: str) -> None:
        """Sync the entries of a directory to disk."""
        self._sync(path, os.O_DIRECTORY)

    def sync_file(self, path: str) -> None:
        """Sync the contents of a regular file to disk."""
        if self.kind(path) == "file":
            self._sync(path, 0)

    def _sync(self, path: str, flag: int) -> None:
        descriptor = os.open(self.real(path), os.O_RDONLY | flag | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.synced(path)

    def synced(self, path: str) -> None:
        """Called after a file or directory was synced. The simulated host records what survives a
        power loss."""

    def append(self, path: str, text: str, mode: int = 0o644) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.real(path), flags, mode)
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)

    def append_line(self, path: str, line: str, mode: int = 0o644) -> None:
        """Append a line, also after a line that a power loss truncated."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with open(os.open(self.real(path), flags, mode), "r+b", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            torn = size > 0 and os.pread(stream.fileno(), 1, size - 1) != b"\n"
            stream.write((b"\n" if torn else b"") + line.encode("utf-8", "replace") + b"\n")

    def unlink(self, path: str, *, sync: bool = False) -> None:
        """Remove a file, if it exists."""
        unlink_if_there(self.real(path))
        if sync:
            self._sync_parent(path)

    def _sync_parent(self, path: str) -> None:
        try:
            self.sync_dir(os.path.dirname(path))
        except (FileNotFoundError, NotADirectoryError):
            return

    def rename(self, path: str, to: str) -> None:
        """Rename a file or directory within its file system, and sync it. Raises FileExistsError if
        the target exists."""
        if self.exists(to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to)
        self.sync_file(path)
        os.rename(self.real(path), self.real(to))
        for directory in {os.path.dirname(path), os.path.dirname(to)}:
            self.sync_dir(directory)

    def link(self, path: str, to: str) -> None:
        """Rename a file, replacing the target."""
        self.unlink(to)
        os.link(self.real(path), self.real(to))

    def rmtree(self, path: str, *, sync: bool = False) -> None:
        """Remove a directory with its contents, if it exists; of a link or a file, that alone."""
        # Imported here: every command imports this module, and few remove a tree.
        import contextlib
        import shutil

        with contextlib.suppress(FileNotFoundError):
            real = self.real(path)
            if stat.S_ISDIR(os.lstat(real).st_mode):
                shutil.rmtree(real)
            else:
                os.unlink(real)
        if sync:
            self._sync_parent(path)


# ---- directories that only their owner may enter ----

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
