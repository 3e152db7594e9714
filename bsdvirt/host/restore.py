"""Save and restore a file beneath a guest's root. Symbolic links are not followed."""

from __future__ import annotations

import contextlib
import os
import stat

from msgspec import Struct

from bsdvirt.errors import HostError
from bsdvirt.host.beneath import READ_LIMIT, Beneath, plain_parts, read_regular


class Was(Struct, frozen=True):
    """A saved file or symbolic link; `data` are its contents or its target."""

    data: bytes
    mode: int
    uid: int
    gid: int
    link: bool = False


def look(fs: Beneath, root: str, relative: str) -> Was | None:
    """Return what is at a path; None if there is neither a file nor a link, or a link is in the
    path. Raises OSError if it is too large."""
    parts = plain_parts(relative)
    try:
        with fs.directory_beneath(root, parts[:-1]) as directory:
            status = os.stat(parts[-1], dir_fd=directory, follow_symlinks=False)
            owner = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
            if stat.S_ISLNK(status.st_mode):
                return Was(os.fsencode(os.readlink(parts[-1], dir_fd=directory)), *owner, link=True)
            if not stat.S_ISREG(status.st_mode):
                return None
            shown = f"{root}/{relative}"
            data = read_regular(parts[-1], READ_LIMIT, shown, follow=False, directory=directory)
            return Was(data, *owner)
    except (FileNotFoundError, NotADirectoryError, HostError):
        return None


def put(fs: Beneath, root: str, relative: str, was: Was) -> None:
    """Restore it, replacing what has that name. Raises as Fs.write_beneath does."""
    parts = plain_parts(relative)
    with fs.directory_beneath(root, parts[:-1]) as directory:
        temporary = f".{parts[-1]}.bsdvirt"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        if was.link:
            os.symlink(os.fsdecode(was.data), temporary, dir_fd=directory)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(temporary, flags, 0o600, dir_fd=directory), "wb") as stream:
                stream.write(was.data)
                stream.flush()
                if os.geteuid() == 0:
                    os.fchown(stream.fileno(), was.uid, was.gid)
                os.fchmod(stream.fileno(), was.mode)
                os.fsync(stream.fileno())
        if was.link and os.geteuid() == 0:
            os.chown(temporary, was.uid, was.gid, dir_fd=directory, follow_symlinks=False)
        os.replace(temporary, parts[-1], src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
