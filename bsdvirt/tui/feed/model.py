"""What the UI knows of its hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bsdvirt.cpu.accounting import figures
from bsdvirt.rows.guest import GuestRow
from bsdvirt.rows.host import Finding
from bsdvirt.rows.usage import GuestFigures, HostFigures, Sample
from bsdvirt.tui.feed.history import History, HostHistory

if TYPE_CHECKING:
    from bsdvirt.ops.history.recent import Lately


@dataclass(frozen=True, slots=True)
class Tick:
    """One reading of a host."""

    host: str
    """The name of the host as given by --host; "" is this machine."""
    at: float
    """When it was read: seconds, as of time.monotonic."""
    guests: tuple[GuestRow, ...] = ()
    problem: str = ""
    """Why the host could not be read."""
    notes: tuple[str, ...] = ()
    """What could be read in part only, such as pools that are not imported."""
    sample: Sample | None = None
    """What the host and its guests use; None where that could not be read."""
    lately: Mapping[str, Lately] = field(default_factory=dict)
    """What was recorded of guests that are seen for the first time, by name."""


@dataclass(slots=True)
class GuestState:
    """A guest, and what was seen of it."""

    host: str
    row: GuestRow
    changed: float = 0.0
    """When its state changed last: seconds, as of time.monotonic; 0 if it has not."""
    figures: GuestFigures | None = None
    """What it uses; None while it does not run."""
    history: History = field(default_factory=History)

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies the guest: its host, and its number there. A guest that was
        renamed stays in its place. A foreign guest has no number."""
        return key_of(self.host, self.row)


def key_of(host: str, row: GuestRow) -> tuple[str, str]:
    """Return what identifies a guest."""
    return host, str(row.id) if row.id is not None else row.name


@dataclass(slots=True)
class HostState:
    """A host, and what was seen of it."""

    name: str
    interval: float = 1.0
    """Seconds between two readings."""
    tick: Tick | None = None
    """The last reading."""
    problem: str = ""
    guests: dict[tuple[str, str], GuestState] = field(default_factory=dict)
    sample: Sample | None = None
    """The last sample, from which the next figures are made."""
    figures: HostFigures | None = None
    """What the host uses; None where that is not known."""
    history: HostHistory = field(default_factory=HostHistory)
    findings: tuple[Finding, ...] | None = None
    """What `doctor` found last; None before."""
    unexamined: str = ""
    """Why `doctor` could not examine the host."""

    def take(self, tick: Tick) -> None:
        """Take a reading in. After one that failed, the guests are those of the last that did
        not, and what they use is unknown."""
        self.tick = tick
        self.problem = tick.problem
        if not tick.problem:
            self._take_guests(tick)
        self._take_sample(tick.sample)

    def _take_guests(self, tick: Tick) -> None:
        before = self.guests
        self.guests = {}
        for row in tick.guests:
            key = key_of(tick.host, row)
            state = before.get(key)
            if state is None:
                state = GuestState(tick.host, row)
                if row.name in tick.lately:
                    state.history.begin(tick.lately[row.name], self.interval)
            elif state.row.state != row.state:
                state.changed = tick.at
            state.row = row
            self.guests[key] = state

    def _take_sample(self, sample: Sample | None) -> None:
        used: dict[str, GuestFigures] = {}
        self.figures = None
        if sample is not None:
            # The first sample has no rates, but sizes.
            now = figures(self.sample or sample, sample)
            self.figures = now.host
            used = {one.name: one for one in now.guests}
            self.sample = sample
        self.history.add(self.figures)
        for state in self.guests.values():
            state.figures = used.get(state.row.name)
            state.history.add(state.figures)

    @property
    def problems(self) -> int | None:
        """Return the number of problems that `doctor` found; None before it was asked."""
        if self.findings is None:
            return None
        return sum(1 for one in self.findings if one.problem)


class Store:
    """All hosts that are shown."""

    def __init__(self, names: list[str]) -> None:
        self.hosts = {name: HostState(name) for name in names}

    def take(self, tick: Tick) -> None:
        self.hosts[tick.host].take(tick)

    def guests(self) -> Iterator[GuestState]:
        """Yield the guests of all hosts."""
        for host in self.hosts.values():
            yield from host.guests.values()

    def by_key(self) -> dict[tuple[str, str], GuestState]:
        """Return the guests of all hosts, by key."""
        every: dict[tuple[str, str], GuestState] = {}
        for host in self.hosts.values():
            every |= host.guests
        return every

    @property
    def several(self) -> bool:
        """Whether more than one host is shown."""
        return len(self.hosts) > 1
