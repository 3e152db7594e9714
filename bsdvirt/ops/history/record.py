"""The daemon of `stats record`: a sample at each whole interval, into the files of history."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

from bsdvirt.cpu.accounting import figures
from bsdvirt.errors import HostError, as_told
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host.base import Host
from bsdvirt.layout import HOST_FILE
from bsdvirt.ops.history.ring import GUEST, HOURS, MINUTES, Record, padded
from bsdvirt.ops.history.store import HOST, Store, strays
from bsdvirt.ops.show.kept import Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.plan.events import Sink, Warned
from bsdvirt.rows.usage import Figures, HostFigures, Sample
from bsdvirt.session.again import Again
from bsdvirt.session.session import Session

VERB = "stats record"
LATE = 2.5
"""Intervals, beside the time that a sample takes, after which two are too far apart: what was used
in between is not known to have been used in the last of them."""
OPEN_SECONDS = HOURS.step + 2 * MINUTES.step
"""How long after a guest's last sample its file is still looked after."""

Clock = Callable[[], float]


class Recorder:
    """Records what one host and its guests use."""

    def __init__(
        self,
        host: Host,
        sink: Sink,
        publish: Sequence[Callable[[Sample], None]] = (),
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        # zfs(8) only: a library stays in memory.
        self._again = Again(host, shows=False, sink=sink)
        self._publish = publish
        self._clock = clock
        self._kept = Kept(clock=monotonic)
        self._before: Sample | None = None
        self._took = 0.0
        """Seconds that the last sample took: the next is the later for it."""
        self._open: dict[str, int] = {}
        """Files with samples that are not part of a longer period yet: the time of the last."""
        self._folded = 0
        """When longer periods were made last."""
        self._gone: set[str] = set()
        """Files that belonged to no guest when that was looked at last."""

    def interval(self) -> int:
        """Return the seconds between two samples. Raises HostError before `init`."""
        return self._again.session().hostfile.stats.interval

    def tick(self) -> None:
        """Take a sample, and record it. Raises the first error, after the rest was tried."""
        now, began = int(self._clock()), self._kept.clock()
        try:
            self._tick(now)
        finally:
            self._took = self._kept.clock() - began

    def _tick(self, now: int) -> None:
        session = self._again.session()
        found = session.inventory(shallow=True)
        interval = session.hostfile.stats.interval
        sample = read_sample(session, found, self._kept)
        made = self._figures(sample, interval)
        errors: list[Exception] = []
        for publish in self._publish:
            _try(errors, publish, sample)
        _try(errors, self._record, session, found, made, now, interval)
        if errors:
            raise errors[0]

    def _figures(self, sample: Sample, interval: int) -> Figures:
        before, self._before = self._before or sample, sample
        if sample.host.time - before.host.time > LATE * interval + self._took:
            before = sample
        return figures(before, sample)

    def _record(
        self, session: Session, found: Inventory, made: Figures, now: int, interval: int
    ) -> None:
        if (error := (session.unready or {}).get(session.layout.state)) is not None:
            raise error
        _need_mounted(found, session.layout.history_dataset)
        store = Store(session.host.fs, session.layout.histories)
        session.host.fs.mkdir(store.directory, 0o700)
        # The period that has just ended.
        number = now // interval - 1
        errors: list[Exception] = []
        for name, values in _values(found, made):
            record = Record(number, 1, padded(values), padded(values))
            if _try(errors, _write, store, name, interval, record):
                self._open[name] = now
        if now // MINUTES.step != self._folded // MINUTES.step:
            self._fold(store, found, now, interval, errors)
        if errors:
            raise errors[0]

    def _fold(
        self, store: Store, found: Inventory, now: int, interval: int, errors: list[Exception]
    ) -> None:
        """Make the records of longer periods, and remove the files of guests that are gone."""
        # The first time, and where the clock was set back, all that there is.
        since = self._folded if self._folded <= now else 0
        names = store.names()
        if not since:
            self._open = dict.fromkeys(names, now) | self._open
        self._folded = now
        for name in names:
            if name in self._open:
                _try(errors, _fold, store, name, interval, now, since)
        self._open = {name: last for name, last in self._open.items() if now - last <= OPEN_SECONDS}
        gone = strays(found, names)
        for name in gone & self._gone:
            _try(errors, store.remove, name)
            self._open.pop(name, None)
        # Only what is missing from two readings is gone.
        self._gone = gone


def _need_mounted(found: Inventory, name: str) -> None:
    """Raise HostError if the dataset is not mounted: the files would be written beneath it."""
    if any(dataset.name == name and not dataset.mounted for dataset in found.datasets):
        raise HostError(f"{name} is not mounted", f"zfs mount {name}, or bsdvirt doctor --repair")


def _values(found: Inventory, made: Figures) -> Iterator[tuple[str, list[float | None]]]:
    """Yield the figures to record, by the name of their file."""
    yield HOST, _of_host(made.host, len(made.guests))
    for used in made.guests:
        guest = found.guests.get(used.name)
        if guest is not None:
            yield guest.identity.uuid, [getattr(used, name) for name in GUEST]


def _of_host(host: HostFigures, guests: int) -> list[float | None]:
    pools = sum(pool.used for pool in host.pools) if host.pools else None
    load = host.load[0] if host.load else None
    return [host.cpu, host.memory_used, host.arc, host.swap_used, load, guests, pools]


def _write(store: Store, name: str, interval: int, record: Record) -> None:
    with store.opened(name, interval) as file:
        file.write(file.rings[0], record)


def _fold(store: Store, name: str, interval: int, now: int, since: int) -> None:
    with store.opened(name, interval) as file:
        file.fold(now, since)


def _try(errors: list[Exception], work: Callable[..., None], *words: object) -> bool:
    """Do a part of the work; keep its error. Return whether it was done."""
    try:
        work(*words)
    except Exception as error:
        errors.append(error)
        return False
    return True


def record(
    recorder: Recorder,
    host: Host,
    sink: Sink,
    wait: Callable[[float], None] = time.sleep,
    clock: Clock = time.time,
) -> None:
    """Record until the host is not set up any more. What fails is logged once, and is tried again
    at the next interval."""
    said = ""
    interval = recorder.interval()
    while True:
        _wait(interval, wait, clock)
        if not host.fs.exists(HOST_FILE):
            return
        try:
            recorder.tick()
            interval = recorder.interval()
            text = ""
        except Exception as error:
            text = _told(error)
        if text and text != said:
            sink(Warned("", VERB, "host", text))
        said = text


def _wait(interval: int, wait: Callable[[float], None], clock: Clock) -> None:
    """Wait until the next whole interval, also where the clock is set meanwhile."""
    due = _next(interval, clock())
    while (left := due - clock()) > 0:
        if left > interval:
            due = _next(interval, clock())
            continue
        wait(left)


def _next(interval: int, now: float) -> float:
    return (math.floor(now / interval) + 1) * interval


def _told(error: Exception) -> str:
    told = as_told(error)
    return f"{told.message}; {told.hint}" if told.hint else told.message
