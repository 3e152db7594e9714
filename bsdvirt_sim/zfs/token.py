"""The property receive_resume_token: where an interrupted receive goes on.

It has the form of ZFS's: its version, a sum, its length, and what it says in zlib's format; that is
JSON here and no nvlist.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from bsdvirt_sim.state import Partial

VERSION = 1


class Token(msgspec.Struct):
    """What a token says, by its names in ZFS."""

    object: int
    offset: int
    bytes: int
    toguid: int
    toname: str
    fromguid: int = 0
    features: list[str] = []

    def lines(self) -> list[str]:
        """Return what `zfs send -vt` prints of it (nvlist_print)."""
        numbers = {"fromguid": self.fromguid} if self.fromguid else {}
        numbers |= {"object": self.object, "offset": self.offset, "bytes": self.bytes}
        numbers |= {"toguid": self.toguid}
        return [
            "resume token contents:",
            "nvlist version: 0",
            *(f"\t{name} = {value:#x}" for name, value in numbers.items()),
            f"\ttoname = {self.toname}",
            *(f"\t{name} = 1" for name in self.features),
        ]


class Corrupt(Exception):  # noqa: N818
    """The token is not one that was printed; why, in the words of libzfs."""


def token_of(partial: Partial) -> str:
    """Return the token of an interrupted receive."""
    what = Token(
        partial.records, 0, partial.moved, partial.toguid, partial.toname, partial.fromguid,
        partial.features,
    )  # fmt: skip
    plain = msgspec.json.encode(what)
    packed = zlib.compress(plain)
    return f"{VERSION}-{_sum(packed):x}-{len(plain):x}-{packed.hex()}"


def read_token(text: str) -> Token:
    """Return what a token says. Raises Corrupt."""
    version, _, rest = text.partition("-")
    sum_, _, rest = rest.partition("-")
    length, last, hexed = rest.partition("-")
    try:
        numbers = int(version), int(sum_, 16), int(length, 16)
    except ValueError:
        raise Corrupt("resume token is corrupt (invalid format)") from None
    if not last:
        raise Corrupt("resume token is corrupt (invalid format)")
    if numbers[0] != VERSION:
        raise Corrupt(f"resume token is corrupt (invalid version {numbers[0]})")
    try:
        packed = bytes.fromhex(hexed[: len(hexed) // 2 * 2])
    except ValueError:
        raise Corrupt("resume token is corrupt (payload is not hex-encoded)") from None
    if _sum(packed) != numbers[1]:
        raise Corrupt("resume token is corrupt (incorrect checksum)")
    try:
        plain = zlib.decompress(packed)
    except zlib.error:
        plain = b""
    if len(plain) != numbers[2]:
        raise Corrupt("resume token is corrupt (decompression failed)")
    try:
        return msgspec.json.decode(plain, type=Token)
    except msgspec.DecodeError:
        raise Corrupt("resume token is corrupt (nvlist_unpack failed)") from None


def _sum(data: bytes) -> int:
    """Return the first word of the fletcher4 sum: that of all 32-bit words."""
    padded = data + bytes(-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f"<{len(padded) // 4}I", padded)
    return sum(words) & (1 << 64) - 1
