"""Where the root of a new jail comes from, as the user named it."""

from __future__ import annotations

import contextlib
import os

from bsdvirt.errors import HostError, NotFoundError, UsageError
from bsdvirt.jail.facts.root import wrong_directory
from bsdvirt.jail.root import Origin, strange
from bsdvirt.library.files import absolute
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.types import AbsolutePath, DatasetName


def directory(session: Session, path: str) -> Origin:
    """Use a directory where it is. Raises UsageError, NotFoundError."""
    return Origin("directory", _checked(session, path))


def dataset(session: Session, name: str) -> Origin:
    """Use a dataset where it is mounted. Raises UsageError, NotFoundError, HostError."""
    parsed(DatasetName, name, of="--dataset")
    try:
        found = session.zfs.datasets(name)[0]
    except NotFoundError as error:
        raise NotFoundError(
            f"no dataset {name}", f"zfs create {name}, or see zfs list -o name,mountpoint"
        ) from error
    place = found.mountpoint
    if found.name != name or found.kind != "filesystem" or not place or not place.startswith("/"):
        raise UsageError(f"{name} is not a file system with a mount point", "zfs set mountpoint=…")
    if not found.mounted:
        raise HostError(f"{name} is not mounted", f"zfs mount {name}")
    if any(f"{name}/".startswith(f"{root.dataset}/") for root in session.pools.layouts):
        raise UsageError(f"{name} belongs to bsdvirt", "name another")
    return Origin("dataset", _checked(session, place), name)


def source(session: Session, path: str) -> Origin:
    """Extract an archive, or copy a directory. Raises UsageError, NotFoundError."""
    real = absolute(path)
    fs = session.host.fs
    if fs.is_dir(real):
        for root in session.pools.layouts:
            if f"{root.mountpoint}/".startswith(real.rstrip("/") + "/"):
                what = f"{real} holds {root.mountpoint}, where the guest's root is created"
                raise UsageError(what, "name a directory beside it")
        return Origin("copy", real, files=_count(session, real))
    if fs.is_file(real):
        return Origin("archive", real)
    raise NotFoundError(f"{real} does not exist", "name a directory, or an archive for tar(1)")


def _count(session: Session, path: str) -> int:
    """Count what `tar -cv` prints: the directory and everything in it."""
    count, left = 1, [str(session.host.fs.path(path))]
    while left:
        # For the progress alone: what cannot be read, or is too deep to be named, does not count.
        with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                count += 1
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
    return count


def _checked(session: Session, path: str) -> str:
    place = str(parsed(AbsolutePath, path, "such as /srv/web"))
    if strange(place):
        raise UsageError(
            f"{place}: jail(8) runs commands with this path, and would split it",
            "use letters, digits and . _ - + = @ : , only",
        )
    if wrong := wrong_directory(session.host.fs, place):
        kind = NotFoundError if wrong == "does not exist" else UsageError
        raise kind(f"{place} {wrong}", "name a plain directory, by its whole path")
    return place
