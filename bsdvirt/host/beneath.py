"""Files beneath a guest's root. The guest's administrator controls its contents, so no symbolic
link in it is followed to another place."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bsdvirt.errors import HostError
from bsdvirt.host.read import READ_LIMIT, read_regular

_LINKS = 32
"""Largest number of symbolic links in a path (MAXSYMLINKS in sys/param.h)."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Beneath:
    """Access to the files beneath a root."""

    def path(self, path: str) -> Path:
        """Return the path for this process of a path of the host."""
        raise NotImplementedError

    def write_beneath(self, root: str, relative: str, content: str, mode: int = 0o644) -> None:
        """Write a file beneath `root` without following symbolic links: the guest's administrator
        controls the root, and a link must not redirect the write. A link in place of the file
        itself is replaced. Raises HostError if a directory in the path is a link or missing."""
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
        """Remove a file beneath `root` without following symbolic links, if it exists."""
        parts = plain_parts(relative)
        with (
            self.directory_beneath(root, parts[:-1]) as directory,
            contextlib.suppress(FileNotFoundError),
        ):
            os.unlink(parts[-1], dir_fd=directory)
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
                return sorted(entry.name for entry in itertools.islice(entries, most))
        except (OSError, HostError):
            return []

    def leads_to_file(self, root: str, path: str) -> bool:
        """Whether a path leads to a regular file as the guest sees it: symbolic links are followed
        within `root` only."""
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
        """Return the directories in the path `relative`, itself included, that are missing beneath
        `root`, and why they cannot be created, in words. Symbolic links are not followed. A missing
        root is empty."""
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
        """Open a directory beneath `root` without following symbolic links. Raises HostError as
        write_beneath does."""
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
    """Return the parts of a path beneath a root. Raises ValueError for `..`."""
    parts = PurePosixPath(relative).parts
    if not parts or any(part in ("..", "/", ".") for part in parts):
        raise ValueError(f"not a plain relative path: {relative!r}")
    return parts
