"""The last minutes of figures, for graphs."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bsdvirt.rows.usage import GuestFigures, HostFigures

if TYPE_CHECKING:
    from bsdvirt.ops.history.recent import Lately

MOST_KEPT = 300
"""How many figures are kept of each guest: five minutes, at one a second."""


class Ring:
    """The last values of one figure, the oldest first. An unknown value is NaN."""

    __slots__ = ("_most", "_next", "_values")

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._values = array("f")
        self._next = 0

    def append(self, value: float | None) -> None:
        """Add a value; None for unknown. What is unknown before the first value is not kept."""
        if value is None:
            if not self._values:
                return
            value = math.nan
        if len(self._values) < self._most:
            self._values.append(value)
        else:
            self._values[self._next] = value
            self._next = (self._next + 1) % self._most

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float]:
        yield from self._values[self._next :]
        yield from self._values[: self._next]

    def last(self, count: int) -> list[float]:
        """Return the last values, the oldest first; fewer where there are not so many."""
        if count <= 0:
            return []
        turned = self._values[self._next :] + self._values[: self._next]
        return list(turned[-count:])


class History:
    """What a guest used in the last minutes."""

    __slots__ = ("cpu", "memory", "net_in", "net_out", "read", "written")

    def __init__(self) -> None:
        self.cpu = Ring()
        """Percent of one CPU."""
        self.memory = Ring()
        """Bytes."""
        self.net_in = Ring()
        """Bytes a second, as the next three."""
        self.net_out = Ring()
        self.read = Ring()
        self.written = Ring()

    def begin(self, lately: Lately, interval: float) -> None:
        """Take what was recorded before, as if it had been read at this interval."""
        # Imported here: the first screen waits for nothing of ops/.
        from bsdvirt.ops.history.ring import GUEST

        for name in self.__slots__:
            ring: Ring = getattr(self, name)
            for value in lately.means(GUEST.index(name), interval, MOST_KEPT):
                ring.append(None if math.isnan(value) else value)

    def add(self, figures: GuestFigures | None) -> None:
        """Add the figures of one reading; None where there are none."""
        rings = self.cpu, self.memory, self.net_in, self.net_out, self.read, self.written
        if figures is None:
            for ring in rings:
                ring.append(None)
            return
        values = (
            figures.cpu, figures.memory, figures.net_in, figures.net_out, figures.read,
            figures.written,
        )  # fmt: skip
        for ring, value in zip(rings, values, strict=True):
            ring.append(value)


class HostHistory:
    """What a host used in the last minutes."""

    __slots__ = ("cpu", "memory")

    def __init__(self) -> None:
        self.cpu = Ring()
        """Percent of all CPUs."""
        self.memory = Ring()
        """Bytes."""

    def add(self, figures: HostFigures | None) -> None:
        self.cpu.append(None if figures is None else figures.cpu)
        self.memory.append(None if figures is None else figures.memory_used)
