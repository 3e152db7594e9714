"""Rows of the views that are made of several kinds of things: a text for each column, and what
actions act on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bsdvirt.host.sanitize import shown_line
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.widgets.columns import Column
from bsdvirt.tui.widgets.table import Key

GOOD = frozenset({"up", "active", "running", "ONLINE", "mounted", "verified", "complete"})
BAD = frozenset({"broken", "failed", "crashed", "FAULTED", "UNAVAIL", "REMOVED", "absent"})
QUIET = frozenset({"stopped", "off", "available", ""})


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: a network, a pool, a dataset, an image …"""

    key: Key
    subject: Subject
    """What actions act on."""
    cells: Mapping[str, str]
    """By column. What a guest may have written is made harmless when it is drawn."""
    parent: Key | None = None
    """The row that it belongs to."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What it is sorted by, where that is not the text."""
    styles: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.subject.host


def column(id: str, title: str, width: int, **options: Any) -> Column[Entry]:
    """Return a column of entries: its text and its sort come from the entries themselves."""

    def text(entry: Entry) -> str:
        return shown_line(entry.cells.get(id, ""))

    def sort(entry: Entry) -> Any:
        number = options.get("descends", False)
        return entry.values.get(id, None if number else entry.cells.get(id, ""))

    def style(entry: Entry) -> str:
        return entry.styles.get(id, "")

    return Column(id, title, text, width, sort=sort, style=style, **options)


HOST: Column[Entry] = Column("host", "HOST", lambda entry: entry.host or "this host", 9, rank=9)


def style_of(state: str) -> str:
    """Return the name of the style of a state."""
    if state in GOOD:
        return "good"
    if state in BAD:
        return "bad"
    return "dim" if state in QUIET else "warning"


def guests_of(store: Store, host: str) -> Callable[[str], Subject]:
    """Return what returns a guest of a host by name, as it is now, for actions on it."""
    state = store.hosts.get(host)
    rows = [one.row for one in state.guests.values()] if state is not None else []
    known = {
        row.name: Subject(host, row.kind or "foreign", row.name, row.state, row) for row in rows
    }
    return lambda name: known.get(name) or Subject(host, "guest", name)
