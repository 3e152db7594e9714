"""View 1: all guests of all hosts."""

from __future__ import annotations

import time
from collections.abc import Callable

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.sizes import human_size
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.feed.model import GuestState, Store
from bsdvirt.tui.views.base import View
from bsdvirt.tui.widgets.columns import Column
from bsdvirt.tui.widgets.table import LiveTable

FLASH = 1.0
"""Seconds for which a row flashes after its state changed."""

STATE_STYLES = {
    "running": "good", "paused": "warning", "failed": "bad", "crashed": "bad", "foreign": "warning",
    "stopped": "dim",
}  # fmt: skip


def _addresses(guest: GuestState) -> str:
    return shown_line(" ".join(guest.row.addresses))


COLUMNS: tuple[Column[GuestState], ...] = (
    Column("host", "HOST", lambda g: g.host, 6, rank=9),
    Column("name", "NAME", lambda g: g.row.name, 12, grows=3),
    Column("kind", "KIND", lambda g: g.row.kind or "-", 4, rank=5),
    Column(
        "state", "STATE", lambda g: g.row.state, 8,
        style=lambda g: STATE_STYLES.get(g.row.state, ""),
    ),
    Column(
        "disk", "DISK", lambda g: human_size(g.row.used), 6, sort=lambda g: g.row.used, right=True,
        rank=3, live=True, descends=True,
    ),
    Column("address", "ADDRESS", _addresses, 15, grows=1, rank=2),
)  # fmt: skip


class GuestsView(View[GuestState]):
    """The overview."""

    name_ = "guests"
    title = "Guests"
    digit = "1"

    def make_table(self) -> LiveTable[GuestState]:
        return LiveTable(COLUMNS, sort="name", empty="no guests yet: n creates one")

    def refresh_from(self, store: Store) -> None:
        guests = {guest.key: guest for guest in store.guests()}
        now = time.monotonic()
        flashing = [key for key, one in guests.items() if one.changed and now - one.changed < FLASH]
        self.table.show(guests, flashing)

    def subject(self, row: GuestState) -> Subject:
        return Subject(row.host, row.row.kind or "foreign", row.row.name, row.row.state, row.row)

    def matcher(self, text: str) -> Callable[[GuestState], bool] | None:
        return (lambda guest: text in guest.row.name) if text else None
