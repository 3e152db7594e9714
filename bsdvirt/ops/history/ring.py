"""The form of a file of history: three rings of records of a fixed size. Pure.

A record stands where its time says, and has the number of its period and a checksum in it: so there
is no pointer to keep, a record that was torn or is of an earlier round is no record, and what was
not recorded is a gap. The file has its full size from the beginning, and never grows.
"""

from __future__ import annotations

import math
from binascii import crc32
from collections.abc import Sequence
from struct import Struct as Layout

from msgspec import Struct

GUEST = ("cpu", "memory", "processes", "net_in", "net_out", "read", "written", "used")
"""The figures of a guest, by their names in GuestFigures."""
HOST = ("cpu", "memory_used", "arc", "swap_used", "load", "guests", "pools_used")
"""The figures of the host: those of HostFigures, its load of a minute, how many guests run, and
the space that is allocated of its pools."""
FIGURES = 8
"""Of a record: room for the longer of both."""
MOST = 1e20
"""Of a figure."""
MOST_SAMPLES = 2**32 - 1
HEADER = 64
MAGIC = b"BVSTATS1"
_HEAD = Layout("<8sI")
_SUM = Layout("<I")


class Record(Struct, frozen=True):
    """What was used in a period. An unknown figure is NaN."""

    number: int
    """Of the period: its time in seconds since 1970, divided by its length."""
    samples: int
    """How many samples it is made from."""
    mean: tuple[float, ...]
    most: tuple[float, ...]


class Ring(Struct, frozen=True):
    """A ring: so many records of so many seconds each."""

    step: int
    count: int
    offset: int
    parts: int = 2
    """Figures of a record: their means, and the most of each. A single sample is both."""

    @property
    def form(self) -> Layout:
        return _SINGLE if self.parts == 1 else _BOTH

    @property
    def size(self) -> int:
        """Bytes of a record."""
        return self.form.size

    @property
    def span(self) -> int:
        """Seconds that the ring covers."""
        return self.step * self.count

    @property
    def end(self) -> int:
        """Where the next ring begins in the file."""
        return self.offset + self.size * self.count

    def place(self, number: int) -> int:
        """Return where the record of a period stands in the file."""
        return self.offset + number % self.count * self.size

    def pack(self, record: Record) -> bytes:
        """Return a record as bytes."""
        figures = record.mean if self.parts == 1 else record.mean + record.most
        data = self.form.pack(0, record.number, record.samples, *figures)
        return _SUM.pack(self._checksum(data)) + data[_SUM.size :]

    def unpack(self, data: bytes) -> Record | None:
        """Return the record in these bytes; None if there is none, or not in full."""
        checksum, number, samples, *figures = self.form.unpack(data)
        if checksum != self._checksum(data) or not samples:
            return None
        # What no host has, as infinity, is of a damaged file.
        known = tuple(value if 0.0 <= value <= MOST else math.nan for value in figures)
        mean, most = known[:FIGURES], known[-FIGURES:]
        return Record(number, samples, mean, most)

    def _checksum(self, data: bytes) -> int:
        # With the length of its periods: records of another interval are none.
        return crc32(data[_SUM.size :], self.step)


_SINGLE = Layout(f"<III{FIGURES}f")
_BOTH = Layout(f"<III{2 * FIGURES}f")
FINE_COUNT = 720
MINUTES = Ring(300, 576, HEADER + _SINGLE.size * FINE_COUNT)
"""Two days."""
HOURS = Ring(3600, 1440, MINUTES.end)
"""Sixty days."""
SIZE = HOURS.end
"""Bytes of a file."""


def rings(interval: int) -> tuple[Ring, Ring, Ring]:
    """Return the rings of a file, the finest first; that has a record each `interval` seconds: of
    two hours, at ten seconds."""
    return Ring(interval, FINE_COUNT, HEADER, parts=1), MINUTES, HOURS


def header(interval: int) -> bytes:
    """Return the beginning of a file."""
    data = _HEAD.pack(MAGIC, interval)
    return (data + _SUM.pack(crc32(data))).ljust(HEADER, b"\0")


def interval_of(data: bytes) -> int | None:
    """Return the interval that the beginning of a file names; None if it is none."""
    if len(data) < HEADER:
        return None
    magic, interval = _HEAD.unpack_from(data)
    if magic != MAGIC or header(interval) != data[:HEADER] or not interval:
        return None
    return int(interval)


def padded(figures: Sequence[float | None]) -> tuple[float, ...]:
    """Return the figures of a record: NaN for what is unknown."""
    known = (math.nan if value is None else float(value) for value in figures)
    return (*known, *(math.nan for _ in range(FIGURES - len(figures))))


def folded(records: Sequence[Record], number: int) -> Record | None:
    """Return one record of a longer period: the mean of each figure, by the samples of each record,
    and the most. None if nothing was recorded."""
    if not records:
        return None
    return Record(
        number,
        min(sum(one.samples for one in records), MOST_SAMPLES),
        tuple(_mean(records, figure) for figure in range(FIGURES)),
        tuple(_most(records, figure) for figure in range(FIGURES)),
    )


def _mean(records: Sequence[Record], figure: int) -> float:
    known = [one for one in records if not math.isnan(one.mean[figure])]
    samples = sum(one.samples for one in known)
    return sum(one.mean[figure] * one.samples for one in known) / samples if known else math.nan


def _most(records: Sequence[Record], figure: int) -> float:
    known = (one.most[figure] for one in records if not math.isnan(one.most[figure]))
    return max(known, default=math.nan)
