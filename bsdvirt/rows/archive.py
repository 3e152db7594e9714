"""Rows of archives of guests."""

from __future__ import annotations

from typing import Annotated, Any

from bsdvirt.rows.base import BYTES, Row, col


class StreamRow(Row, frozen=True, kw_only=True):
    """A stream in an archive."""

    id: Annotated[str, col("Name; its members are in streams/ID.")]
    kind: Annotated[str, col("filesystem, volume or file.")]
    form: Annotated[str, col("zfs, tar, raw or file.")]
    part: Annotated[str, col("Dataset beneath the guest's own, or file in it.")]
    raw: Annotated[bool, col("Whether it is encrypted by ZFS, with a key that is not in it.")]
    length: Annotated[int, col("Length of the stream, unpacked.", unit=BYTES)]
    sha256: Annotated[str, col("SHA-256 of the stream, unpacked.")]
    volsize: Annotated[int | None, col("Size of a disk; null for others.", unit=BYTES)]


class ArchiveRow(Row, frozen=True, kw_only=True):
    """An archive of a guest."""

    file: Annotated[str, col("Path of the file.")]
    format: Annotated[int, col("Version of the format.")]
    by: Annotated[str, col("Program that wrote it.")]
    name: Annotated[str, col("Name of the guest.")]
    kind: Annotated[str, col("jail or vm.")]
    created: Annotated[str, col("When it was written, in UTC.")]
    host: Annotated[str, col("UUID of the host that it was written on.")]
    uuid: Annotated[str, col("UUID of the guest there.")]
    snapshot: Annotated[str, col("Snapshot that is in it.")]
    running: Annotated[bool, col("Whether the guest was running when that was taken.")]
    release: Annotated[str, col("Release of a jail.")]
    tags: Annotated[list[str], col("Tags of the guest.")]
    compress: Annotated[str, col("none or zstd.")]
    encrypt: Annotated[str, col("none, age or openssl.")]
    config: Annotated[dict[str, Any], col("Contents of the guest's file.")]
    asks: Annotated[dict[str, Any], col("What it uses of this host.")]
    streams: Annotated[list[StreamRow], col("Streams in it.")]
