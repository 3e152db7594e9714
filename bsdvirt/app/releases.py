"""Releases added, removed, shown."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from bsdvirt.app.session import Session
from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.host import tools
from bsdvirt.host.facts import read_kernel
from bsdvirt.jail import release as plans
from bsdvirt.plan import events
from bsdvirt.store.guests import Inventory

CHUNK = 1 << 20
MEMBER_SECONDS = 600.0


def directory_of(source: str) -> str:
    """The directory that DIR or file:// names. Raises UsageError for another scheme."""
    if "://" not in source:
        path = PurePosixPath(source)
        if not path.is_absolute():
            import os

            path = PurePosixPath(os.path.abspath(source))
        return str(path)
    parts = urlsplit(source)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UsageError(
            f"{source}: only directories and file:// are read yet",
            "fetch base.txz and MANIFEST with fetch(1), and name their directory",
        )
    return unquote(parts.path)


def add(session: Session, source: str, name: str | None = None) -> str:
    """Make a release of a directory with base.txz and MANIFEST; the release's name.

    `name` is for a base that does not say what it is. Raises NotFoundError for a file
    that is not there, UsageError for a checksum that is not the MANIFEST's.
    """
    directory = directory_of(source)
    entry = _manifest(session, directory)
    archive = f"{directory}/{entry.file}"
    if name is None:
        name = _version(session, archive)
    if not plans.NAME.match(name):
        raise UsageError(f"{name!r} is no name for a release", "such as 14.3-RELEASE")
    plans.refuse_newer(name, read_kernel(session.host).release)
    with session.locked("release", name, f"release add {name}"):
        found = session.inventory()
        session.need_mounted(found)
        plan = plans.plan_add(
            name, archive, entry.files, found.layout, session.new_op(), _exists(found, name)
        )
        _verify(session, archive, entry, name)
        session.run(plan)
    return name


def provide(session: Session, wanted: str) -> bool:
    """Make the release that is wanted of what bsdinstall(8) left on this host, where it
    is not there yet and that is it; whether it was made."""
    here = plans.DIST_DIRECTORY
    files = (f"{here}/MANIFEST", f"{here}/base.txz")
    if _exists(session.inventory(), wanted) or not all(map(session.host.fs.is_file, files)):
        return False
    if _version(session, files[1]) != wanted:
        return False
    add(session, here)
    return True


def _exists(found: Inventory, name: str) -> bool:
    return any(dataset.name == found.layout.release(name) for dataset in found.releases())


def _manifest(session: Session, directory: str) -> plans.ManifestEntry:
    path = f"{directory}/MANIFEST"
    try:
        text = session.host.fs.read_text(path)
    except OSError as error:
        raise NotFoundError(
            f"{path}: {error.strerror}", "name a directory with base.txz and MANIFEST"
        ) from error
    entries = plans.parse_manifest(text, path)
    if "base.txz" not in entries:
        raise UsageError(f"{path} does not list base.txz", "take the MANIFEST of the release")
    if not session.host.fs.is_file(f"{directory}/base.txz"):
        raise NotFoundError(f"{directory}/base.txz is not there", "put it beside its MANIFEST")
    return entries["base.txz"]


def _verify(session: Session, archive: str, entry: plans.ManifestEntry, name: str) -> None:
    """Raises UsageError where the archive is not what MANIFEST says."""
    digest = hashlib.sha256()
    path = session.host.fs.path(archive)
    total, done = path.stat().st_size, 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            session.interrupt.check()
            digest.update(chunk)
            done += len(chunk)
            session.sink(
                events.Progress("", "add release", name, f"check {archive}", done, total, "bytes")
            )
    if digest.hexdigest() != entry.sha256:
        raise UsageError(
            f"{archive}: its SHA-256 is not the one in MANIFEST", "fetch both files again"
        )


def _version(session: Session, archive: str) -> str:
    argv = (tools.TAR, "-xOqf", archive, "*bin/freebsd-version")
    shown = session.host.run(argv, changes=False, timeout=MEMBER_SECONDS)
    version = plans.userland_version(shown.stdout) if shown.status == 0 else None
    if version is None:
        raise UsageError(f"{archive} does not say which release it is", "say --name 14.3-RELEASE")
    return version


def remove(session: Session, name: str) -> None:
    """Take a release away. Raises ConflictError naming the guests that are clones of it."""
    with session.locked("release", name, f"release rm {name}"):
        found = session.inventory()
        if not _exists(found, name):
            known = ", ".join(entry["name"] for entry in entries(session, found)) or "none"
            raise NotFoundError(f"no release {name}; there is {known}", "bsdvirt release ls")
        clones = [
            clone
            for snapshot in session.zfs.snapshots(found.layout.release(name))
            for clone in session.zfs.clones(snapshot)
        ]
        session.run(plans.plan_remove(name, clones, found.layout, session.new_op()))


def entries(session: Session, found: Inventory | None = None) -> list[dict[str, Any]]:
    """All releases, with the guests made of each."""
    found = found or session.inventory()
    return [
        {
            "name": (name := dataset.name.rpartition("/")[2]),
            "used": dataset.used,
            "guests": sorted(
                guest.name for guest in found.guests.values() if guest.identity.release == name
            ),
            "complete": dataset.op is None,
        }
        for dataset in found.releases()
    ]
