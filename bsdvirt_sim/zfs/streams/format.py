"""The format of simulated streams: records, each with a sum of all before it.

Their first record, and the order and length of all, are those of ZFS (dmu_replay_record in
sys/zfs_ioctl.h), so that programs can see what a stream is of; what the records hold is not.

A stream of one snapshot is BEGIN, META, data, END. A package (`zfs send -R`, -I or -p) is BEGIN
with its list of datasets, END, streams of snapshots, END.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import IO, Any

import msgspec

from bsdvirt_sim.zfs.snapshots.objects import Objects

MAGIC = 0x2F5BACBAC
LENGTH = 312
"""Bytes of a record without its payload."""
CHUNK = 1 << 17
_LONGEST = 1 << 30
_HEAD = struct.Struct("<II")
_BEGIN = struct.Struct("<QQQIIQQ256s")
_SUM = struct.Struct("<Q")
_SUM_AT = 280
_HEADER_SUM_AT = 8
_SUBSTREAM, _PACKAGE = 1, 2
_KINDS = {"filesystem": 2, "volume": 3}
_RESUMING, _RAW = 1 << 20, 1 << 24
_FEATURES = {"largeblockok": 1 << 19, "embedok": 1 << 16, "compressok": 1 << 22, "rawok": _RAW}
_CLONE, _FREERECORDS, _SPILL = 1, 4, 8


class Type(IntEnum):
    """What a record is."""

    BEGIN = 0
    FILE = 1
    REMOVE = 2
    DATA = 3
    META = 4
    END = 5


class Begin(msgspec.Struct):
    """The snapshot that follows. `clone`: `fromguid` is that of its origin. `resume`: the number
    of records that the receiver has already."""

    kind: str
    toname: str
    toguid: int
    created: int
    fromguid: int = 0
    clone: bool = False
    features: list[str] = []
    is_resuming: bool = False
    is_package: bool = False

    @property
    def is_raw(self) -> bool:
        """Whether an encrypted dataset is sent as it is stored."""
        return "rawok" in self.features

    def pack(self) -> bytes:
        """Return what the record holds."""
        flags = sum(_FEATURES[feature] for feature in self.features)
        flags |= _RESUMING if self.is_resuming else 0
        version = (_PACKAGE if self.is_package else _SUBSTREAM) | flags << 2
        return _BEGIN.pack(
            MAGIC,
            version,
            self.created,
            _KINDS.get(self.kind, 0),
            0 if self.is_package else _FREERECORDS | _SPILL | (_CLONE if self.clone else 0),
            self.toguid,
            self.fromguid,
            self.toname.encode(),
        )

    @classmethod
    def unpack(cls, head: bytes) -> Begin | None:
        """Return what a record says; None for one with another magic number."""
        magic, version, created, kind, flags, toguid, fromguid, toname = _BEGIN.unpack_from(
            head, _HEAD.size
        )
        if magic != MAGIC:
            return None
        return cls(
            next((name for name, number in _KINDS.items() if number == kind), ""),
            toname.partition(b"\0")[0].decode("utf-8", "replace"),
            toguid,
            created,
            fromguid,
            bool(flags & _CLONE),
            [name for name, bit in _FEATURES.items() if version >> 2 & bit],
            bool(version >> 2 & _RESUMING),
            version & 3 == _PACKAGE,
        )


class More(msgspec.Struct):
    """What BEGIN holds besides, where a stream is raw or the rest of one."""

    resume: int = -1
    encryption: dict[str, str] = {}


class Meta(msgspec.Struct):
    """The snapshot as a whole: all its files, or the length of a volume's data."""

    refer: int
    objects: Objects = {}
    length: int = 0
    volsize: int = 0
    volblocksize: str = ""


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
    """The list of a package."""

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

    def begin(self, begin: Begin, more: More | Package | None = None) -> None:
        """Write the record that begins a stream or package."""
        payload = msgspec.json.encode(more) if more is not None else b""
        head = _HEAD.pack(Type.BEGIN, len(payload)) + begin.pack()
        self._sum = zlib.crc32(payload, zlib.crc32(head))
        self._stream.write(head + payload)

    def end(self, *, last: bool = False) -> None:
        """Write the record at the end of a stream, of a package's list, or (`last`) a package."""
        sum_ = b"" if last else _SUM.pack(self._sum)
        head = _HEAD.pack(Type.END, 0) + sum_
        self._stream.write(head.ljust(LENGTH, b"\0"))

    def put(self, type_: Type, header: Any, data: bytes = b"") -> None:
        packed = msgspec.json.encode(header)
        if type_ is Type.DATA:
            packed = len(packed).to_bytes(4, "little") + packed + data
        self.copy(Record(type_, packed))

    def copy(self, record: Record) -> None:
        """Write a record as it was read."""
        head = _HEAD.pack(record.type, len(record.payload)).ljust(_SUM_AT, b"\0")
        self._sum = zlib.crc32(record.payload, zlib.crc32(head, self._sum))
        self._stream.write(head + _SUM.pack(self._sum).ljust(LENGTH - _SUM_AT, b"\0"))
        self._stream.write(record.payload)


class Reader:
    """Reads records."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = 0
        self.started = False
        """Whether what the first record holds besides was read."""
        self.sum = 0
        self.moved = 0

    def first(self) -> Begin | None:
        """Read the record that begins a stream, without what it holds besides; None at the end of
        a package. Raises Truncated, and Damaged where it begins none."""
        head = self._exactly(LENGTH)
        type_, self._left = _HEAD.unpack_from(head)
        self.started = False
        self.sum = zlib.crc32(head)
        if type_ == Type.END:
            return None
        begin = Begin.unpack(head)
        if begin is None or type_ != Type.BEGIN:
            raise Damaged
        return begin

    def more(self, shape: Any) -> Any:
        """Read what the first record holds besides. Raises Truncated and Damaged."""
        if self._left > _LONGEST:
            raise Damaged
        payload = self._exactly(self._left)
        self.started = True
        self.sum = zlib.crc32(payload, self.sum)
        try:
            return msgspec.json.decode(payload or b"null", type=shape)
        except msgspec.DecodeError:
            raise Damaged from None

    def end(self) -> None:
        """Read the end of a package's list. Raises Truncated and Damaged."""
        head = self._exactly(LENGTH)
        (expected,) = _SUM.unpack_from(head, _HEADER_SUM_AT)
        if _HEAD.unpack_from(head)[0] != Type.END or expected != self.sum:
            raise Damaged

    def next(self) -> Record:
        """Read a record. Raises Truncated and Damaged."""
        head = self._exactly(LENGTH)
        type_, length = _HEAD.unpack_from(head)
        if type_ == Type.END:
            (expected,) = _SUM.unpack_from(head, _HEADER_SUM_AT)
            if expected != self.sum or length:
                raise Damaged
            return Record(Type.END, b"")
        if type_ not in Type.__members__.values() or length > _LONGEST:
            raise Damaged
        payload = self._exactly(length)
        self.sum = zlib.crc32(payload, zlib.crc32(head[:_SUM_AT], self.sum))
        if self.sum != _SUM.unpack_from(head, _SUM_AT)[0]:
            raise Damaged
        return Record(Type(type_), payload)

    def until_end(self) -> Iterator[Record]:
        """Read the records up to END, which is not among them."""
        while (record := self.next()).type is not Type.END:
            yield record

    def _exactly(self, length: int) -> bytes:
        found = bytearray()
        while len(found) < length:
            chunk = self._stream.read(min(length - len(found), CHUNK))
            if not chunk:
                raise Truncated
            found += chunk
        self.moved += length
        return bytes(found)
