"""Read archives: their manifests, and what the guests in them ask of this host."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.guest.archive.manifest import Shown, Stream, shown_from_json
from bsdvirt.guest.archive.parts import Parts
from bsdvirt.guest.archive.receive import Packed, check_parts
from bsdvirt.host import tools
from bsdvirt.kinds import kind_of_spec
from bsdvirt.library.private_copy import open_file
from bsdvirt.net.files import Networks, find
from bsdvirt.ops.foreign import asks
from bsdvirt.rows.archive import ArchiveRow, StreamRow
from bsdvirt.session.session import Session
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.load import dump, load_guest
from bsdvirt.spec.paths import set_paths

SECONDS = 7 * 24 * 3600.0
BEGINNING = b"manifest.json"
"""How an archive of bsdvirt begins."""


class Incoming(Struct, frozen=True):
    """A guest in an archive, with the changes that the user asks for."""

    shown: Shown
    packed: Packed
    spec: GuestSpec
    config: str
    """The text of its file here."""
    parts: Parts

    @property
    def asks(self) -> dict[str, Any]:
        """Return what it asks of this host, besides networks: without these it is refused."""
        wants = asks(self.spec, shares=False)
        return {key: value for key, value in wants.items() if key != "nics"}


def is_archive(session: Session, file: str) -> bool:
    """Return whether a file begins as an archive of bsdvirt does."""
    try:
        return session.host.fs.read_from(file, 0, len(BEGINNING)) == BEGINNING
    except OSError:
        return False


def read(
    session: Session,
    file: str,
    path: str,
    key: str = "",
    changes: Sequence[tuple[str, str]] = (),
) -> Incoming:
    """Check an archive and the guest's file in it. `path` is the path in messages, if `file` is a
    copy. Raises UsageError for anything that is wrong."""
    shown = read_shown(session, file, path, key)
    manifest = shown.manifest
    was = load_guest(manifest.config, f"guest.yaml in {path}")
    if kind_of_spec(was).name != manifest.kind:
        raise UsageError(f"{path}: its guest.yaml is not of a {manifest.kind}", "it is damaged")
    parts = kind_of_spec(was).archived(was)
    check_parts(manifest.streams, parts, path)
    spec = set_paths(was, changes) if changes else was
    streams = tuple(Stream(entry, shown.checksums[entry.id]) for entry in manifest.streams)
    config = dump(spec) if changes else manifest.config
    return Incoming(shown, Packed(file, streams, key), spec, config, parts)


def read_shown(session: Session, file: str, path: str, key: str = "") -> Shown:
    """Check an archive's structure, and return its manifest and checksums."""
    opened = open_file(session.host.fs, file)
    os.close(opened.descriptor)
    file = opened.path
    return shown_from_json(_asked(session, "show", file, path, key), path)


def check(session: Session, incoming: Incoming, path: str) -> None:
    """Unpack all streams of an archive, to nowhere. Raises UsageError for a damaged one."""
    _asked(session, "check", incoming.packed.file, path, incoming.packed.key)


def _asked(session: Session, mode: str, file: str, path: str, key: str) -> str:
    """Return what the archive's program prints. Raises UsageError for what it finds."""
    argv = (*tools.ARCHIVE, mode, file, *((key,) if key else ()))
    result = session.host.run(argv, changes=False, timeout=SECONDS)
    if result.status != 0 or result.timed_out:
        said = (result.stderr.strip().splitlines() or ["it cannot be read"])[-1]
        hint = "nothing was changed"
        if "its key is needed" in said:
            hint = "add --key FILE: the identity of age(1), or the passphrase of openssl(1)"
        raise UsageError(said.replace(file, path), hint)
    return result.stdout


def missing_networks(spec: GuestSpec, networks: Networks) -> list[tuple[int, str]]:
    """Return the interfaces whose networks are not on this host."""
    every = ((number, str(nic.network)) for number, nic in enumerate(spec.nics))
    return [(number, name) for number, name in every if find(networks, name) is None]


def need_networks(session: Session, spec: GuestSpec) -> None:
    """Raise NotFoundError for a network that is not on this host."""
    networks = session.networks()
    for number, name in missing_networks(spec, networks):
        known = ", ".join(sorted(networks)) or "none"
        raise NotFoundError(
            f"no network {name} here; available: {known}",
            f"nics.{number}.network=NETWORK uses another, nics= none;"
            f" bsdvirt network create {name} creates it",
        )


def row(path: str, incoming: Incoming) -> ArchiveRow:
    """Return what `import --list` shows."""
    shown, manifest = incoming.shown, incoming.shown.manifest
    return ArchiveRow(
        file=path,
        format=manifest.format,
        by=manifest.by,
        name=manifest.name,
        kind=manifest.kind,
        created=manifest.created,
        host=manifest.host,
        uuid=manifest.uuid,
        snapshot=manifest.snapshot,
        running=manifest.running,
        release=manifest.release,
        tags=[str(tag) for tag in manifest.tags],
        compress=manifest.compress,
        encrypt=shown.encrypt,
        config=plain(incoming.spec),
        asks=incoming.asks,
        streams=[
            StreamRow(
                id=one.entry.id, kind=one.entry.kind, form=one.entry.form, part=one.entry.part,
                raw=one.entry.raw, length=one.checksum.length, sha256=one.checksum.sha256,
                volsize=one.entry.volsize,
            )
            for one in incoming.packed.streams
        ],
    )  # fmt: skip
