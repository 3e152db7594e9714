"""A tab of the detail: what it shows of a guest, and what it asks for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.lines import TextLines
from bsdvirt.tui.feed.model import GuestState
from bsdvirt.tui.feed.queries.detail import INFO
from bsdvirt.tui.views.entries import Entry
from bsdvirt.tui.widgets.columns import Column
from bsdvirt.tui.widgets.table import LiveTable

EVERY = frozenset({"jail", "vm", "foreign"})


class Tab(Vertical):
    """Base of the tabs. It is asked for while it is visible only."""

    DEFAULT_CSS = "Tab { height: 1fr; }"

    name_: ClassVar[str]
    title: ClassVar[str]
    kinds: ClassVar[frozenset[str]] = EVERY
    """The kinds of subjects that have it."""
    interval: ClassVar[float] = 5.0
    """Seconds between two readings."""

    @property
    def pause(self) -> float:
        """Return the seconds until the next reading."""
        return self.interval

    adds: ClassVar[str] = ""
    """The id of the action that adds something to what it lists."""

    async def load(self, guest: Subject) -> None:
        """Ask for what it shows, and show it. Raises BsdvirtError."""

    def clear(self) -> None:
        """Forget the guest that was shown: another one follows."""

    def tell(self, problem: str) -> None:
        """Show why the guest could not be read."""

    def refresh_from(self, guest: GuestState | None) -> None:
        """Called after each tick while it is visible."""

    def parts(self) -> list[Subject]:
        """Return what is under the cursor, such as a disk."""
        return []

    def search(self, text: str) -> bool:
        """Show where a text is; return whether the tab can be searched at all."""
        return False

    @property
    def inside(self) -> Widget:
        """Return what gets the keys."""
        raise NotImplementedError

    async def info(self, guest: Subject) -> Any:
        """Return what `info` prints of a guest."""
        return await desk_of(self).ask(guest.host, INFO[guest.kind], guest.name)


class TextTab(Tab):
    """A tab of lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = TextLines(empty="reading …")

    def compose(self) -> ComposeResult:
        yield self.lines

    def clear(self) -> None:
        self.lines.clear("reading …")

    def tell(self, problem: str) -> None:
        self.lines.clear(problem)

    def search(self, text: str) -> bool:
        self.lines.search(text)
        return True

    @property
    def inside(self) -> Widget:
        return self.lines


class TableTab(Tab):
    """A tab of rows, with what actions act on."""

    columns: ClassVar[Sequence[Column[Entry]]]
    nothing: ClassVar[str] = "nothing here"

    def __init__(self) -> None:
        super().__init__()
        self.table: LiveTable[Entry] = LiveTable(self.columns, empty=self.nothing)

    def compose(self) -> ComposeResult:
        yield self.table

    def show(self, rows: Sequence[Entry]) -> None:
        # They are in their order while they are sorted by the first column.
        first = self.columns[0].id
        self.table.show({
            row.key: replace(row, values={**row.values, first: number})
            for number, row in enumerate(rows)
        })  # fmt: skip

    def clear(self) -> None:
        self.show(())

    def search(self, text: str) -> bool:
        words = text.lower().split()
        self.table.where((lambda row: _has(row, words)) if words else None)
        return True

    def parts(self) -> list[Subject]:
        row = self.table.cursor
        return [] if row is None else [row.subject]

    @property
    def inside(self) -> Widget:
        return self.table


def _has(row: Entry, words: Sequence[str]) -> bool:
    cells = " ".join(row.cells.values()).lower()
    return all(word in cells for word in words)
