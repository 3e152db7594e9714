"""The manifest of an archive, as docs/archive.md describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Spec
from bsdvirt.spec.load import decode, parse_json
from bsdvirt.spec.types import TagName

FORMAT = 1
MOST_BYTES = 24 << 20
"""Of what the archive's program prints: the manifest and the checksums."""
MOST_STREAMS = 1024
Part = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.: /-]{1,255}$(?!\n)")]
"""A name as zfs(8) takes them, which a jail may have given."""
Text = Annotated[str, Meta(pattern=r"^[ -~]{0,200}$(?!\n)")]
Bytes = Annotated[int, Meta(ge=0, lt=1 << 62)]

Kind = Literal["filesystem", "volume", "file"]
Form = Literal["zfs", "tar", "raw", "file"]
"""A stream of zfs(8), a tar of a file system, the content of a disk, or that of a file."""


class Entry(Spec, frozen=True, kw_only=True, omit_defaults=False):
    """A stream in an archive."""

    id: Annotated[str, Meta(pattern=r"^[0-9]{1,4}-[A-Za-z0-9_.-]{1,40}$(?!\n)")]
    """The directory of its members is streams/ID."""
    kind: Kind
    form: Form
    part: Part
    """The dataset's name beneath the guest's own, or the name of a file in the guest's dataset."""
    size: Bytes
    """About how many bytes it takes; of a disk, what is in use."""
    volsize: Bytes | None = None
    raw: bool = False
    """It is encrypted as on the disk of the host that it came from, with a key that is not in
    it."""


class Manifest(Spec, frozen=True, kw_only=True, omit_defaults=False):
    """What an archive says of itself, and of the guest in it."""

    format: int
    by: Text
    """The program that wrote it."""
    name: Text
    kind: Literal["jail", "vm"]
    created: Text
    """In UTC, as 2026-11-27T10:30:00Z."""
    host: Text
    """The id of the host that it was written on."""
    uuid: Text
    snapshot: Text
    running: bool
    """The guest was running when the snapshot was taken."""
    release: Text
    tags: list[TagName]
    compress: Literal["none", "zstd"]
    streams: Annotated[list[Entry], Meta(max_length=MOST_STREAMS)]
    config: str = ""
    """The guest's file."""
    member: int = 0
    """Bytes of a member of a stream, but the last."""


class Checksum(Spec, frozen=True, kw_only=True):
    """What is known of a stream once it was packed."""

    length: Bytes
    sha256: str
    guid: int
    """Of the snapshot; 0 where it is not a stream of zfs(8)."""


class Shown(Spec, frozen=True, kw_only=True):
    """What the archive's program prints of an archive."""

    encrypt: Literal["none", "age", "openssl"]
    manifest: Manifest
    checksums: dict[str, Checksum]


class Stream(Struct, frozen=True):
    """A stream, with its checksum."""

    entry: Entry
    checksum: Checksum


def shown_from_json(text: str, source: str) -> Shown:
    """Return what the archive's program has printed. Raise UsageError for an invalid manifest."""
    data: Any = parse_json(text, source, MOST_BYTES)
    shown = decode(Shown, data, source)
    manifest = shown.manifest
    if manifest.format != FORMAT:
        raise UsageError(f"{source}: format {manifest.format} is not known", "upgrade bsdvirt")
    seen: set[str] = set()
    for entry in manifest.streams:
        _check(entry, source)
        if entry.part in seen:
            raise UsageError(f"{source}: {entry.part} is in it twice", "it is not from bsdvirt")
        if entry.id not in shown.checksums:
            raise UsageError(f"{source}: {entry.id} has no checksum", "it is not from bsdvirt")
        seen.add(entry.part)
    return shown


_FORMS: dict[Kind, tuple[Form, ...]] = {
    "filesystem": ("zfs", "tar"), "volume": ("zfs", "raw"), "file": ("file",),
}  # fmt: skip


def _check(entry: Entry, source: str) -> None:
    parts = entry.part.split("/")
    plain = all(part not in ("", ".", "..") for part in parts)
    fits = entry.form in _FORMS[entry.kind] and (entry.kind == "volume") == bool(entry.volsize)
    if not plain or not fits or (entry.kind == "file" and len(parts) > 1):
        raise UsageError(f"{source}: {entry.id} is not valid", "it is not from bsdvirt")


def named(parts: Sequence[str]) -> list[str]:
    """Return the ids of streams, in that order: a number, and the end of the name for people."""
    return [f"{number}-{_short(part)}" for number, part in enumerate(parts)]


def _short(part: str) -> str:
    last = part.rpartition("/")[2]
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in last)[:40]
