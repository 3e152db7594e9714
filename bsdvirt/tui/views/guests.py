"""View 1: all guests of all hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.usage import GuestFigures
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.feed.model import GuestState, Store
from bsdvirt.tui.views.base import View
from bsdvirt.tui.views.cells import duration, level, percent, share, size
from bsdvirt.tui.views.filters import Fields
from bsdvirt.tui.widgets.columns import UNKNOWN, Column
from bsdvirt.tui.widgets.glyphs import Glyphs
from bsdvirt.tui.widgets.graph import sparkline
from bsdvirt.tui.widgets.table import LiveTable

V = TypeVar("V")

FLASH = 1.0
"""Seconds for which a row flashes after its state changed."""
ONE_CPU = 100.0
"""A full bar of the sparkline, unless more was used: percent of one CPU."""
FOREIGN = "foreign"
STATE_STYLES = {
    "running": "good", "paused": "warning", "failed": "bad", "crashed": "bad", "foreign": "warning",
    "interrupted": "bad", "locked": "warning", "busy": "accent", "starting": "accent",
    "stopping": "accent", "restarting": "accent", "stopped": "dim",
    "template": "dim",
}  # fmt: skip


def _figure(value: Callable[[GuestFigures], V | None]) -> Callable[[GuestState], V | None]:
    """Return a figure of a guest that may have none."""
    return lambda guest: value(guest.figures) if guest.figures is not None else None


_cpu = _figure(lambda used: used.cpu)
_cpu_of_set = _figure(lambda used: used.cpu_of_set)
_memory = _figure(lambda used: used.memory)
_memory_limit = _figure(lambda used: used.memory_limit)
_uptime = _figure(lambda used: used.uptime)


def _memory_share(guest: GuestState) -> float | None:
    used, limit = _memory(guest), _memory_limit(guest)
    return 100 * used / limit if used is not None and limit else None


def _addresses(guest: GuestState) -> str:
    first, *others = guest.row.addresses or [""]
    return shown_line(f"{first} +{len(others)}" if others else first)


def _boot(guest: GuestState) -> str:
    order = guest.row.boot_order
    return UNKNOWN if order is None else str(order)


def _history(guest: GuestState, width: int, glyphs: Glyphs) -> str:
    values = guest.history.cpu.last(width)
    return sparkline(values, width, max([ONE_CPU, *values]), glyphs.bars)


def _rate(
    id: str, title: str, value: Callable[[GuestFigures], float | None], rank: int
) -> Column[GuestState]:
    figure = _figure(value)
    return Column(
        id, title, lambda guest: size(figure(guest)), 6, sort=figure, right=True, rank=rank,
        live=True, descends=True,
    )  # fmt: skip


HOST: Column[GuestState] = Column("host", "HOST", lambda g: g.host or "local", 8, grows=1, rank=1)
"""Shown where there are several."""
COLUMNS: tuple[Column[GuestState], ...] = (
    Column("name", "NAME", lambda g: g.row.name, 12, grows=3),
    Column("kind", "KIND", lambda g: g.row.kind or UNKNOWN, 4, rank=7),
    Column(
        "state", "STATE", lambda g: g.row.state, 8, grows=1,
        style=lambda g: STATE_STYLES.get(g.row.state, ""),
    ),
    Column(
        "cpu", "CPU%", lambda g: percent(_cpu(g)), 6, sort=_cpu, right=True, rank=2, live=True,
        descends=True, style=lambda g: level(_cpu_of_set(g), 70, 90),
    ),
    Column(
        "history", "CPU", lambda g: "", 10, sort=_cpu, grows=2, rank=9, live=True, descends=True,
        draw=_history,
    ),
    Column(
        "memory", "MEMORY", lambda g: share(_memory(g), _memory_limit(g)), 11, sort=_memory,
        right=True, rank=3, live=True, descends=True,
        style=lambda g: level(_memory_share(g), 80, 95),
    ),
    _rate("in", "NET IN", lambda used: used.net_in, 8),
    _rate("out", "OUT", lambda used: used.net_out, 8),
    _rate("written", "WRITE", lambda used: used.written, 10),
    _rate("read", "READ", lambda used: used.read, 10),
    Column(
        "disk", "DISK", lambda g: size(g.row.used), 6, sort=lambda g: g.row.used, right=True,
        rank=5, live=True, descends=True,
    ),
    Column("address", "ADDRESS", _addresses, 15, grows=1, rank=4),
    Column(
        "boot", "BOOT", _boot, 5, sort=lambda g: g.row.boot_order, right=True, rank=11,
    ),
    Column(
        "uptime", "UPTIME", lambda g: duration(_uptime(g)), 6, sort=_uptime, right=True, rank=6,
        live=True, descends=True,
    ),
)  # fmt: skip


def _texts(guest: GuestState) -> Iterable[str]:
    row = guest.row
    return (row.name, row.state, row.release, guest.host, *row.addresses, *row.tags)


FIELDS: Fields[GuestState] = Fields(
    _texts,
    {
        "name": lambda g: (g.row.name,),
        "tag": lambda g: g.row.tags,
        "state": lambda g: (g.row.state,),
        "kind": lambda g: (g.row.kind or UNKNOWN,),
        "network": lambda g: g.row.networks,
        "host": lambda g: (g.host or "local",),
        "release": lambda g: (g.row.release,) if g.row.release else (),
        "pool": lambda g: (g.row.pool,),
        "address": lambda g: g.row.addresses,
        "boot": lambda g: ("yes" if g.row.autostart else "no",),
    },
)
"""What filters ask of a guest. Short words are not looked for in its kind: `vm` and `jail` stand in
many names."""


class GuestsView(View[GuestState]):
    """The overview."""

    name_ = "guests"
    title = "Guests"
    digit = "1"

    def make_table(self) -> LiveTable[GuestState]:
        return LiveTable(COLUMNS, sort="name", empty="no guests yet: n creates one")

    @cached_property
    def fields(self) -> Fields[GuestState]:
        return FIELDS

    def refresh_from(self, store: Store) -> None:
        if store.several and self.table.columns == COLUMNS:
            self.table.columns = (HOST, *COLUMNS)
        guests = store.by_key()
        now = time.monotonic()
        flashing = {key for key, one in guests.items() if one.changed and now - one.changed < FLASH}
        self.table.show(guests, flashing)
        if flashing:
            self.set_timer(FLASH, self._end_flash)

    def _end_flash(self) -> None:
        now = time.monotonic()
        self.table.flash(key for key, one in self.table.by_key.items() if now - one.changed < FLASH)

    def subject(self, row: GuestState) -> Subject:
        return Subject(row.host, row.row.kind or FOREIGN, row.row.name, row.row.state, row.row)
