"""Files beneath a guest's root. The guest's administrator controls its contents, so no symbolic
link in it is followed to another place."""

from __future__ import annotations

import errno
import os
import stat

from bsdvirt.errors import HostError

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
READ_LIMIT = 4 << 20
"""Largest file to read, in bytes: neither bsdvirt nor a person writes larger ones."""
CHUNK = 1 << 16
_LINKS = 32
"""Largest number of symbolic links in a path (MAXSYMLINKS in sys/param.h)."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Beneath:
    """Access to the files beneath a root."""

    def real(self, path: str) -> str:
        """Return the path for this process of a path of the host."""
        raise NotImplementedError

    def write_beneath(self, root: str, relative: str, content: str, mode: int = 0o644) -> None:
        """Write a file beneath `root` without following symbolic links: the guest's administrator
        controls the root, and a link must not redirect the write. A link in place of the file
        itself is replaced. Raises HostError if a directory in the path is a link or missing."""
        parts = plain_parts(relative)
        with self.directory_beneath(root, parts[:-1]) as directory:
            temporary = f".{parts[-1]}.bsdvirt"
            unlink_if_there(temporary, directory)
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
        """Remove a file beneath `root` without following symbolic links, if it exists."""
        parts = plain_parts(relative)
        with self.directory_beneath(root, parts[:-1]) as directory:
            if unlink_if_there(parts[-1], directory):
                os.fsync(directory)

    def read_beneath(self, root: str, relative: str, limit: int = READ_LIMIT) -> str | None:
        """Return the text of a file beneath `root` without following symbolic links; None if it is
        not a regular file. Raises HostError for more than `limit` bytes."""
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
        """Whether a regular file exists beneath `root`, without following symbolic links or reading
        it."""
        parts = plain_parts(relative)
        try:
            with self.directory_beneath(root, parts[:-1]) as directory:
                found = os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
        except (OSError, HostError):
            return False
        return stat.S_ISREG(found.st_mode)

    def names_beneath(self, root: str, relative: str, most: int) -> list[str]:
        """Return the names in a directory beneath `root`, sorted, `most` of them at most; none if
        there is no such directory. Symbolic links are not followed."""
        try:
            with (
                self.directory_beneath(root, plain_parts(relative)) as directory,
                os.scandir(directory) as entries,
            ):
                # In this order: no more than these are read.
                return sorted(entry.name for _, entry in zip(range(most), entries, strict=False))
        except (OSError, HostError):
            return []

    def leads_to_file(self, root: str, path: str) -> bool:
        """Whether a path leads to a regular file as the guest sees it: symbolic links are followed
        within `root` only."""
        rest = list(reversed(parts_of(path)))
        trail: list[int] = []
        links = 0
        try:
            trail.append(os.open(self.real(root), _DIRECTORY))
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
                    to = os.readlink(part, dir_fd=trail[-1])
                    while to.startswith("/") and len(trail) > 1:
                        os.close(trail.pop())
                    rest += reversed(parts_of(to))
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
        """Create one directory beneath `root` without following symbolic links; an existing one is
        not changed. Raises HostError as write_beneath does, OSError for what is not a directory."""
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
        """Remove an empty directory beneath `root` without following symbolic links; one that is
        missing or not empty is no error."""
        parts = plain_parts(relative)
        try:
            with self.directory_beneath(root, parts[:-1]) as directory:
                os.rmdir(parts[-1], dir_fd=directory)
                os.fsync(directory)
        except HostError:
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise

    def look_beneath(self, root: str, relative: str) -> tuple[tuple[str, ...], str]:
        """Return the directories in the path `relative`, itself included, that are missing beneath
        `root`, and why they cannot be created, in words. Symbolic links are not followed. A missing
        root is empty."""
        parts = parts_of(relative)
        opened: list[int] = []
        try:
            for depth in range(len(parts) + 1):
                try:
                    if depth == 0:
                        opened.append(os.open(self.real(root), _DIRECTORY))
                    else:
                        opened.append(os.open(parts[depth - 1], _DIRECTORY, dir_fd=opened[-1]))
                except FileNotFoundError:
                    first = max(depth, 1)
                    return tuple("/".join(parts[:n]) for n in range(first, len(parts) + 1)), ""
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
                        return (), str(error.strerror)
                    shown = "/".join(parts[:depth])
                    return (), f"{root}/{shown} is a link or a file, and no directory"
        finally:
            for descriptor in opened:
                os.close(descriptor)
        return (), ""

    def directory_beneath(self, root: str, parts: tuple[str, ...]) -> OpenDirectory:
        """Return a directory beneath `root`, to be opened without following symbolic links: its
        descriptor, in a `with` statement. That raises HostError as write_beneath does."""
        return OpenDirectory(self.real(root), root, parts)


class OpenDirectory:
    """A directory that is open in a `with` statement."""

    def __init__(self, real: str, root: str, parts: tuple[str, ...]) -> None:
        self._real = real
        self._root = root
        self._parts = parts
        self._descriptor = -1

    def __enter__(self) -> int:
        self._descriptor = os.open(self._real, _DIRECTORY)
        try:
            for part in self._parts:
                self._go(part)
        except BaseException:
            os.close(self._descriptor)
            raise
        return self._descriptor

    def _go(self, part: str) -> None:
        try:
            deeper = os.open(part, _DIRECTORY, dir_fd=self._descriptor)
        except OSError as error:
            link = error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR)
            why = "is a link" if link else str(error.strerror)
            raise HostError(
                f"{self._root}/{'/'.join(self._parts)}: {part} {why}; not written",
                "make it a plain directory",
            ) from error
        os.close(self._descriptor)
        self._descriptor = deeper

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)


def unlink_if_there(path: str, directory: int | None = None) -> bool:
    """Remove a file, and return whether it existed."""
    try:
        os.unlink(path, dir_fd=directory)
    except FileNotFoundError:
        return False
    return True


def parts_of(path: str) -> tuple[str, ...]:
    """Return the parts of a path, without those that change nothing."""
    return tuple(part for part in path.split("/") if part not in ("", "."))


def plain_parts(relative: str) -> tuple[str, ...]:
    """Return the parts of a path beneath a root. Raises ValueError for `..`."""
    parts = parts_of(relative)
    if not parts or ".." in parts or relative.startswith("/"):
        raise ValueError(f"not a plain relative path: {relative!r}")
    return parts


def read_regular(
    path: str | Path,
    limit: int,
    shown: str = "",
    *,
    follow: bool = True,
    directory: int | None = None,
) -> bytes:
    """Return the contents of a regular file of at most `limit` bytes, relative to an open directory
    if given. Other file types are not opened: a FIFO would block, and a device may have side
    effects.

    Raises OSError, with `shown` as its path.
    """
    shown = shown or str(path)
    look = os.stat(path, dir_fd=directory, follow_symlinks=follow)
    _need_regular(look, shown)
    descriptor = os.open(path, _READ | (0 if follow else os.O_NOFOLLOW), dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        _need_regular(status, shown)
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"larger than {limit} bytes", shown)
        data = bytearray()
        while chunk := os.read(descriptor, CHUNK):
            data += chunk
            if len(data) > limit:
                raise OSError(errno.EFBIG, f"larger than {limit} bytes", shown)
    finally:
        os.close(descriptor)
    return bytes(data)


def _need_regular(status: os.stat_result, shown: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), shown)
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "is a link", shown)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", shown)
