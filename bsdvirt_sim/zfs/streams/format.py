"""The format of simulated streams: records, each with a sum of all before it.

A stream of one snapshot is BEGIN, META, data, END. A package (`zfs send -R`, -I or -p) is PACKAGE,
streams of snapshots, LAST. It is not ZFS's own format, and no other program reads it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import IO, Any

import msgspec

from bsdvirt_sim.zfs.snapshots.objects import Objects

MAGIC = b"BVsim\x00z1"
_HEAD = struct.Struct("<8sIII")
CHUNK = 1 << 17
_LONGEST = 1 << 30


class Type(IntEnum):
    """What a record is."""

    BEGIN = 1
    META = 2
    FILE = 3
    DATA = 4
    REMOVE = 5
    END = 6
    PACKAGE = 7
    LAST = 8


class Begin(msgspec.Struct):
    """The snapshot that follows. `clone`: `fromguid` is that of its origin. `resume`: the number
    of records that the receiver has already."""

    kind: str
    toname: str
    toguid: int
    created: int
    refer: int
    fromguid: int = 0
    clone: bool = False
    volsize: int = 0
    volblocksize: str = ""
    resume: int = -1
    features: list[str] = []
    encryption: dict[str, str] = {}
    """Properties of an encrypted dataset that is sent as it is stored."""


class Meta(msgspec.Struct):
    """All files of the snapshot, or the length of a volume's data."""

    objects: Objects = {}
    length: int = 0


class File(msgspec.Struct):
    """A file, directory or link; the data of a file follows."""

    path: str
    mode: int
    changed: int = 0
    target: str = ""


class Data(msgspec.Struct):
    """Bytes of a file or volume (path ""), or a hole of that length."""

    at: int
    path: str = ""
    hole: int = 0


class Member(msgspec.Struct):
    """A dataset of a package: its properties and snapshots (fss in libzfs_sendrecv.c)."""

    name: str
    parentfromsnap: int = 0
    origin: int = 0
    props: dict[str, str] | None = None
    snaps: dict[str, int] = {}
    snapprops: dict[str, dict[str, str]] = {}


class Package(msgspec.Struct):
    """The header of a package."""

    toname: str
    members: list[Member]
    fromsnap: str | None = None
    recursive: bool = False
    raw: bool = False


class Truncated(Exception):  # noqa: N818
    """The stream ends within a record."""


class Damaged(Exception):  # noqa: N818
    """A record is not what was sent."""


class Record(msgspec.Struct):
    type: Type
    payload: bytes

    def read(self, shape: Any) -> Any:
        return msgspec.json.decode(self.payload, type=shape)

    def data(self) -> tuple[Data, bytes]:
        """Return the header and the bytes of a DATA record."""
        size = int.from_bytes(self.payload[:4], "little")
        header = msgspec.json.decode(self.payload[4 : 4 + size], type=Data)
        return header, self.payload[4 + size :]


class Writer:
    """Writes records."""

    def __init__(self, stream: IO[bytes], sum_: int = 0) -> None:
        self._stream = stream
        self._sum = sum_

    def put(self, type_: Type, header: Any, data: bytes = b"") -> None:
        packed = msgspec.json.encode(header)
        if type_ is Type.DATA:
            packed = len(packed).to_bytes(4, "little") + packed + data
        self.copy(Record(type_, packed))

    @staticmethod
    def length(record: Record) -> int:
        """Return how long a record is in a stream."""
        return _HEAD.size + len(record.payload)

    def copy(self, record: Record) -> None:
        """Write a record as it was read."""
        type_, packed = record.type, record.payload
        if type_ in (Type.BEGIN, Type.PACKAGE, Type.LAST):
            self._sum = 0
        self._sum = zlib.crc32(packed, zlib.crc32(bytes([type_]), self._sum))
        self._stream.write(_HEAD.pack(MAGIC, type_, len(packed), self._sum))
        self._stream.write(packed)


class Reader:
    """Reads records."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.sum = 0
        self.moved = 0
        self.type = 0
        """The type of the latest record, also of one that is not whole."""

    def first(self) -> Record | None:
        """Read the record that begins a stream; None where its magic number is wrong. Raises
        Truncated where there is none."""
        self.sum = 0
        head = self._exactly(_HEAD.size)
        if not head.startswith(MAGIC):
            return None
        return self._rest(head)

    def next(self) -> Record:
        """Read a record. Raises Truncated and Damaged."""
        return self._rest(self._exactly(_HEAD.size))

    def until_end(self) -> Iterator[Record]:
        """Read the records up to END, which is not among them."""
        while (record := self.next()).type is not Type.END:
            yield record

    def _rest(self, head: bytes) -> Record:
        magic, type_, length, expected = _HEAD.unpack(head)
        if magic != MAGIC or type_ not in Type.__members__.values() or length > _LONGEST:
            raise Damaged
        self.type = type_
        payload = self._exactly(length)
        self.sum = zlib.crc32(payload, zlib.crc32(bytes([type_]), self.sum))
        if self.sum != expected:
            raise Damaged
        return Record(Type(type_), payload)

    def _exactly(self, length: int) -> bytes:
        found = bytearray()
        while len(found) < length:
            chunk = self._stream.read(min(length - len(found), CHUNK))
            if not chunk:
                raise Truncated
            found += chunk
        self.moved += length
        return bytes(found)
