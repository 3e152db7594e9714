"""A part of a guest's console log, and where it is: so that a log is followed, and read backwards,
by commands that each read little, however long it is.

A place is an offset and a checksum of what is before it. A log that was rotated, or emptied after
a copy (supervise/log.py), does not have it: then the rest is read from the copy, FILE.0.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.host.sanitize import Screen
from bsdvirt.layout import console_log
from bsdvirt.rows.log import LogPart
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural

MOST = 64 * 1024
"""The most bytes of a log that a part has."""
CHECKED = 64
"""How many bytes before a place its checksum is of."""
COPY = ".0"
"""What a rotated log is called."""


class Place(Struct, frozen=True):
    """A place in a log."""

    offset: int
    sum: int

    def __str__(self) -> str:
        return f"{self.offset}.{self.sum:08x}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises UsageError."""
        offset, _, digits = text.partition(".")
        number = natural(offset)
        if number is None or len(digits) != 8 or set(digits) - set("0123456789abcdef"):
            raise UsageError(f"logs: {text}: not a place in a log", "as `logs --json` prints it")
        return cls(number, int(digits, 16))


class _Read(Struct, frozen=True):
    """Bytes of a log, from a place to a place."""

    begin: Place
    data: bytes
    end: Place
    more: bool = False
    missed: bool = False


def log_part(
    session: Session, name: str, *, lines: int | None = None, after: str = "", before: str = ""
) -> LogPart:
    """Return the last lines of a guest's console log, what follows a place, or what precedes it.
    Raises NotFoundError, UsageError."""
    path = session.host.fs.path(console_log(session.inventory(shallow=True).guest(name).name))
    if after:
        read = _after(path, Place.parse(after))
    elif before:
        read = _before(path, Place.parse(before))
    else:
        read = _last(path, lines)
    screen = Screen()
    text = screen.feed(read.data.decode("utf-8", "surrogateescape")) + screen.close()
    return LogPart(
        name=name, text=text, begin=str(read.begin), end=str(read.end), more=read.more,
        missed=read.missed,
    )  # fmt: skip


def _complete(data: bytes) -> bytes:
    """Return output without the beginning of a character or sequence at its end: it is read again,
    with its rest."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    screen = Screen()
    screen.feed(decoder.decode(data))
    pending, _ = decoder.getstate()
    held = len(pending) + len(screen.held.encode("utf-8", "surrogateescape"))
    return data[: len(data) - held]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Open a log to read; None if it does not exist."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _place(fd: int, offset: int) -> Place:
    first = max(0, offset - CHECKED)
    return Place(offset, zlib.crc32(os.pread(fd, offset - first, first)))


def _size(fd: int) -> int:
    return os.fstat(fd).st_size


def _has(fd: int, place: Place) -> bool:
    return place.offset <= _size(fd) and _place(fd, place.offset) == place


def _last(path: Path, lines: int | None, *, missed: bool = False) -> _Read:
    """Read the end of a log: its last lines, or as much as a part has."""
    with _opened(path) as fd:
        if fd is None:
            start = Place(0, 0)
            return _Read(start, b"", start, missed=missed)
        size = _size(fd)
        first = max(0, size - MOST)
        data = _complete(os.pread(fd, size - first, first))
        cut = _whole_line(data) if first else 0
        if lines is not None:
            cut = max(cut, _line_from_end(data, lines))
        begin = _place(fd, first + cut)
        return _Read(begin, data[cut:], _place(fd, first + len(data)), missed=missed)


def _before(path: Path, place: Place) -> _Read:
    """Read what precedes a place. Nothing precedes one that was rotated away."""
    with _opened(path) as fd:
        if fd is None or not _has(fd, place):
            return _Read(place, b"", place, missed=True)
        first = max(0, place.offset - MOST)
        data = os.pread(fd, place.offset - first, first)
        cut = _whole_line(data) if first else 0
        return _Read(_place(fd, first + cut), data[cut:], place)


def _after(path: Path, place: Place) -> _Read:
    """Read what follows a place: to the end of the log, or to that of its copy."""
    for one in (path, path.with_name(path.name + COPY)):
        with _opened(one) as fd:
            if fd is None or not _has(fd, place):
                continue
            data = os.pread(fd, MOST, place.offset)
            last = place.offset + len(data) >= _size(fd)
            if one == path or not last:
                data = _complete(data)
                return _Read(place, data, _place(fd, place.offset + len(data)), more=not last)
            # The copy was read to its end: what follows is in the new log, from its beginning.
            return _Read(place, data, Place(0, 0), more=True)
    return _last(path, None, missed=True)


def _whole_line(data: bytes) -> int:
    """Return where the first whole line begins; a line longer than a part is cut."""
    place = data.find(b"\n") + 1
    return place if place < len(data) else 0


def _line_from_end(data: bytes, lines: int) -> int:
    """Return where the last lines begin."""
    # The line feed at the very end ends the last line, and begins none.
    place = len(data) - 1 if data.endswith(b"\n") else len(data)
    for _ in range(lines):
        place = data.rfind(b"\n", 0, max(0, place))
        if place < 0:
            return 0
    return place + 1 if lines else len(data)
