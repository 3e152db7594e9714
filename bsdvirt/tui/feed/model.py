"""What the UI knows of its hosts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bsdvirt.rows.guest import GuestRow

MOST_KEPT = 300
"""How many figures are kept of each guest: five minutes, at one a second."""


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


@dataclass(slots=True)
class GuestState:
    """A guest, and what was seen of it."""

    host: str
    row: GuestRow
    changed: float = 0.0
    """When its state changed last: seconds, as of time.monotonic; 0 if it has not."""
    cpu: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies the guest: its host, and its number there. A guest that was
        renamed stays in its place. A foreign guest has no number."""
        return self.host, str(self.row.id) if self.row.id is not None else self.row.name


@dataclass(slots=True)
class HostState:
    """A host, and what was seen of it."""

    name: str
    tick: Tick | None = None
    """The last reading."""
    problem: str = ""
    guests: dict[tuple[str, str], GuestState] = field(default_factory=dict)

    def take(self, tick: Tick) -> None:
        """Take a reading in. After one that failed, the guests are those of the last that did
        not."""
        self.tick = tick
        self.problem = tick.problem
        if tick.problem:
            return
        before = self.guests
        self.guests = {}
        for row in tick.guests:
            state = GuestState(tick.host, row)
            known = before.get(state.key)
            if known is not None:
                if known.row.state != row.state:
                    known.changed = tick.at
                known.row = row
                state = known
            self.guests[state.key] = state


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

    @property
    def several(self) -> bool:
        """Whether more than one host is shown."""
        return len(self.hosts) > 1
