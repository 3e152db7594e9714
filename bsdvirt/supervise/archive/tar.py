"""The container of an archive: the subset of POSIX tar that it uses, and nothing else.

Only regular files, with names of at most 100 characters: what has links, devices, long names or
extended headers is not an archive of bsdvirt.
"""

from __future__ import annotations

import os

from bsdvirt.supervise.files import Failed

BLOCK = 512
MOST_MEMBER = 64 << 20
"""Bytes of a member."""
MOST_CONTROL = 8 << 20
"""Bytes of the manifest, and of a checksum."""
_ZERO = bytes(BLOCK)
_MAGIC = b"ustar\x0000"


def header(name: str, size: int) -> bytes:
    """Return the header of a regular file of root's."""
    fields = (
        name.encode().ljust(100, b"\0"),
        b"0000600\0", b"0000000\0", b"0000000\0",
        b"%011o\0" % size, b"%011o\0" % 0,
        b" " * 8, b"0", bytes(100), _MAGIC,
        b"root".ljust(32, b"\0"), b"wheel".ljust(32, b"\0"),
        b"0000000\0", b"0000000\0", bytes(155), bytes(12),
    )  # fmt: skip
    whole = b"".join(fields)
    return whole[:148] + b"%06o\0 " % sum(whole) + whole[156:]


def padding(size: int) -> bytes:
    """Return what fills the last block of a member."""
    return bytes(-size % BLOCK)


END = _ZERO * 2
"""The end of a tar file."""


class Reader:
    """Reads the members of an archive, one after the other."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next = 0
        self._size = os.fstat(descriptor).st_size
        self.name = ""
        self.start = 0
        self.size = 0

    def next(self) -> bool:
        """Go on to the next member; return False at the end of the archive.

        Raises Failed for anything that is not a member of an archive.
        """
        fill = padding(self.size)
        if self._read(self._next - len(fill), len(fill)) != fill:
            raise Failed(f"it is damaged, after {self.name}")
        block = self._read(self._next, BLOCK)
        if block == _ZERO:
            if self._next + len(END) != self._size or self._read(self._next, len(END)) != END:
                raise Failed("there is something after its end")
            return False
        self.name, self.size = _parsed(block)
        self.start = self._next + BLOCK
        self._next = self.start + self.size + len(padding(self.size))
        if self._next > self._size:
            raise Failed(f"it is truncated, in {self.name}")
        return True

    def content(self) -> bytes:
        """Return the content of a small member."""
        if self.size > MOST_CONTROL:
            raise Failed(f"{self.name} is too large")
        return self._read(self.start, self.size)

    def _read(self, at: int, size: int) -> bytes:
        found = os.pread(self._descriptor, size, at)
        if len(found) != size:
            raise Failed("it is truncated")
        return found


def _parsed(block: bytes) -> tuple[str, int]:
    """Return the name and the size in a header that `header` has made."""
    name = block[:100].rstrip(b"\0").decode("ascii", "replace")
    digits = block[124:135]
    if not (digits.isdigit() and block[135:136] == b"\0") or b"8" in digits or b"9" in digits:
        raise Failed("it is not an archive of bsdvirt, or it is damaged")
    size = int(digits, 8)
    if size > MOST_MEMBER or block != header(name.replace("\ufffd", "?"), size):
        raise Failed("it is not an archive of bsdvirt, or it is damaged")
    return name, size
