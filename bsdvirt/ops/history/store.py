"""The files of history, in one directory that only root may enter."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Self

from msgspec import Struct

from bsdvirt.guest.inventory import Inventory
from bsdvirt.host.fs import Fs
from bsdvirt.layout import HISTORY
from bsdvirt.ops.history.ring import (
    HEADER,
    MINUTES,
    SIZE,
    Record,
    Ring,
    folded,
    header,
    interval_of,
    rings,
)

HOST = "host"
"""Name of the host's own file, among those named after the UUIDs of guests."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Store(Struct, frozen=True):
    """Where the files are."""

    fs: Fs
    directory: str

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}{HISTORY}"

    def names(self) -> list[str]:
        """Return the names of all files."""
        every = self.fs.listdir(self.directory)
        return [name.removesuffix(HISTORY) for name in every if name.endswith(HISTORY)]

    def remove(self, name: str) -> None:
        self.fs.unlink(self.path(name))

    @contextlib.contextmanager
    def opened(self, name: str, interval: int) -> Iterator[Writer]:
        """Open a file to record samples that are `interval` seconds apart; it is made if it does
        not exist. It is open for a moment only: the dataset can be unmounted in between."""
        descriptor = os.open(self.fs.path(self.path(name)), _WRITE, 0o600)
        try:
            yield Writer.on(descriptor, interval)
        finally:
            os.close(descriptor)

    def read(self, name: str, *, lately: bool = False) -> History | None:
        """Return what a file holds, or `lately` only its finest ring; None if it does not exist.
        Raises OSError."""
        try:
            descriptor = os.open(self.fs.path(self.path(name)), _READ)
        except FileNotFoundError:
            return None
        try:
            return History(os.pread(descriptor, MINUTES.offset if lately else SIZE, 0))
        finally:
            os.close(descriptor)


class Writer(Struct, frozen=True):
    """An open file, and its rings."""

    descriptor: int
    rings: tuple[Ring, Ring, Ring]

    @classmethod
    def on(cls, descriptor: int, interval: int) -> Self:
        """Give the file its size and its beginning, where it has others."""
        if os.fstat(descriptor).st_size != SIZE:
            os.ftruncate(descriptor, SIZE)
        if interval_of(os.pread(descriptor, HEADER, 0)) != interval:
            # The records of another interval are none from here on; the other rings stay.
            os.pwrite(descriptor, header(interval), 0)
        return cls(descriptor, rings(interval))

    def write(self, ring: Ring, record: Record) -> None:
        os.pwrite(self.descriptor, ring.pack(record), ring.place(record.number))

    def fold(self, now: int, since: int) -> None:
        """Make the records of longer periods that have ended between `since` and `now`, from those
        of shorter ones."""
        for fine, coarse in zip(self.rings, self.rings[1:], strict=False):
            kept = -(-(now - fine.span) // coarse.step)
            for number in range(max(since // coarse.step, kept), now // coarse.step):
                record = folded(list(self._within(fine, coarse, number)), number)
                before = self._record(coarse, number)
                # Not from the remains of what it was made from before.
                if record is not None and (before is None or before.samples <= record.samples):
                    self.write(coarse, record)

    def _within(self, fine: Ring, coarse: Ring, number: int) -> Iterator[Record]:
        """Yield the records of a ring that begin in a period of a coarser one."""
        begin = -(-number * coarse.step // fine.step)
        end = -(-(number + 1) * coarse.step // fine.step)
        for wanted in range(begin, end):
            record = self._record(fine, wanted)
            if record is not None:
                yield record

    def _record(self, ring: Ring, number: int) -> Record | None:
        record = ring.unpack(os.pread(self.descriptor, ring.size, ring.place(number)))
        return record if record is not None and record.number == number else None


class History:
    """What a file held when it was read."""

    def __init__(self, data: bytes) -> None:
        # A file that is too short is one that was just made.
        self._data = data.ljust(SIZE, b"\0")
        interval = interval_of(self._data[:HEADER])
        self.rings: tuple[Ring, ...] = rings(interval or 1)[0 if interval else 1 :]

    def records(self, ring: Ring, begin: int, end: int) -> list[Record]:
        """Return the records of the periods that begin at or after a time, and have ended at
        another, the oldest first. What is missing was not recorded."""
        numbers = range(
            max(-(-begin // ring.step), end // ring.step - ring.count), end // ring.step
        )
        found = (self._record(ring, number) for number in numbers)
        return [record for record in found if record is not None]

    def _record(self, ring: Ring, number: int) -> Record | None:
        place = ring.place(number)
        record = ring.unpack(self._data[place : place + ring.size])
        return record if record is not None and record.number == number else None


def strays(found: Inventory, names: Sequence[str]) -> set[str]:
    """Return the files of history that belong to no guest; none while a pool is missing."""
    if found.absent:
        return set()
    known = {guest.identity.uuid for guest in found.guests.values()}
    known |= {foreign.told.uuid for foreign in found.foreign.values() if foreign.told}
    return {name for name in names if name not in known and name != HOST}
