"""The members of an uncompressed tar archive, by its headers: where each begins, without reading
any. For virtual appliances, which hold a few large files. Pure.

The header is that of ustar (tar(5) of libarchive): name at 0, size at 124, type at 156.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from bsdvirt.errors import UsageError

BLOCK = 512
MOST_MEMBERS = 64
MOST_SKIPPED = 1 << 20
"""Longest extended header."""
Read = Callable[[int, int], bytes]
"""Return so many bytes at an offset; fewer at the end."""


class Member(Struct, frozen=True):
    """A regular file in the archive."""

    name: str
    offset: int
    size: int


def is_tar(head: bytes) -> bool:
    """Return whether a file begins with the header of a tar archive."""
    return head[257:262] == b"ustar"


def members(read: Read, end: int, source: str) -> list[Member]:
    """Return the regular files of an archive of `end` bytes. Raise UsageError for more than a few,
    a header that is wrong, or a member that ends behind the archive's end."""
    found: list[Member] = []
    at = 0
    for _ in range(4 * MOST_MEMBERS):
        head = read(at, BLOCK)
        if len(head) < BLOCK or head == bytes(BLOCK):
            return found
        if not is_tar(head) or _sum(head) != _octal(head[148:156]):
            raise UsageError(f"{source} is damaged: a header at {at} is wrong", "copy it again")
        size, kind = _size(head[124:136]), head[156:157]
        at += BLOCK
        if size < 0 or at + size > end:
            raise UsageError(f"{source} is truncated", "copy it again")
        if kind in (b"0", b"\0", b"7"):
            name = head[:100].split(b"\0")[0].decode("utf-8", "replace")
            found.append(Member(name, at, size))
            if len(found) > MOST_MEMBERS:
                break
        elif size > MOST_SKIPPED:
            break
        at += -(-size // BLOCK) * BLOCK
    raise UsageError(f"{source} has too many members for an appliance", "see tar -tvf")


def _octal(field: bytes) -> int:
    text = field.split(b"\0")[0].strip()
    return int(text, 8) if text and all(c in b"01234567" for c in text) else -1


def _size(field: bytes) -> int:
    """Return a size, in octal digits or, from 8 GiB on, in binary."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    return _octal(field)


def _sum(head: bytes) -> int:
    """Return the checksum of a header, its own field counted as spaces."""
    return sum(head) - sum(head[148:156]) + 8 * 0x20
