"""What was recorded in the last minutes, for displays that go on from there."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Iterable

from msgspec import Struct, field

from bsdvirt.guest.inventory import Guest
from bsdvirt.ops.history.ring import Record
from bsdvirt.ops.history.store import Store
from bsdvirt.session.session import Session


class Lately(Struct, frozen=True):
    """The records of a guest, the oldest first."""

    step: int
    """Seconds of each."""
    end: int
    """When they were read: seconds since 1970."""
    records: tuple[Record, ...]

    def means(self, figure: int, seconds: float, count: int) -> list[float]:
        """Return the last `count` values of a figure, each of so many seconds; NaN where nothing
        was recorded."""
        by_number = {record.number: record.mean[figure] for record in self.records}
        times = (self.end - (at + 0.5) * seconds for at in reversed(range(count)))
        # What was recorded last is not complete yet: it stands for now.
        newest = max(by_number, default=0)
        numbers = (min(int(when // self.step), newest) for when in times)
        return [by_number.get(number, math.nan) for number in numbers]


def read_lately(session: Session, guests: Iterable[Guest], count: int) -> dict[str, Lately]:
    """Return the last records of these guests, at most so many of each, by name; of those without
    a file, or for others than root, nothing."""
    store = Store(session.host.fs, session.layout.histories)
    now = int(time.time())
    found: dict[str, Lately] = {}
    for guest in guests:
        with contextlib.suppress(OSError):
            history = store.read(guest.identity.uuid, lately=True)
            if history is None or len(history.rings) < 3:
                continue
            ring = history.rings[0]
            records = history.records(ring, now - count * ring.step, now)
            if records:
                found[guest.name] = Lately(ring.step, now, tuple(records))
    return found


class Trail(Struct):
    """The last values of one figure, of so many seconds each."""

    step: float
    values: deque[float] = field(default_factory=lambda: deque(maxlen=120))
    _number: int = 0

    def begin(self, now: float, values: Iterable[float]) -> None:
        """Take what was before, up to now."""
        self.values.extend(values)
        self._number = int(now // self.step)

    def add(self, now: float, value: float | None) -> None:
        """Add a value: in the place of the last one, while its period lasts."""
        number = int(now // self.step)
        passed = number - self._number if self.values else 1
        if passed > 0:
            most = self.values.maxlen or 0
            self.values.extend(math.nan for _ in range(min(passed - 1, most)))
            self.values.append(math.nan)
        self.values[-1] = math.nan if value is None else value
        self._number = number
