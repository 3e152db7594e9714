"""Files beneath a guest's root: its administrator owns what is in it, and no link there leads
a read or a write of ours elsewhere."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bsdvirt.errors import HostError
from bsdvirt.host.read import READ_LIMIT, read_regular

_LINKS = 32
"""How many links may be followed on one way (MAXSYMLINKS in sys/param.h)."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Beneath:
    """The part of a host's files that lie beneath a root."""

    def path(self, path: str) -> Path:
        """Where a path of the host's lies for this process."""
        raise NotImplementedError

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
