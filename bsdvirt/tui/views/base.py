"""A view of the main screen: a live table, and what actions act on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.widgets.table import LiveTable

R = TypeVar("R")


class View(Vertical, Generic[R]):
    """Base of the views on the number keys."""

    DEFAULT_CSS = "View { height: 1fr; }"

    name_: ClassVar[str]
    """Its id, such as guests."""
    title: ClassVar[str]
    digit: ClassVar[str]
    """The key that shows it."""

    def __init__(self) -> None:
        super().__init__(id=self.name_)
        self.table: LiveTable[R] = self.make_table()

    def make_table(self) -> LiveTable[R]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self.table

    def on_shown(self) -> None:
        """Called when the view becomes visible."""

    def refresh_from(self, store: Store) -> None:
        """Called after each tick while the view is visible."""
        raise NotImplementedError

    def subject(self, row: R) -> Subject:
        """Return what actions act on, for a row."""
        raise NotImplementedError

    def matcher(self, text: str) -> Any:
        """Return the test of a row for a filter as typed. Raises UsageError."""
        raise NotImplementedError

    def selected(self) -> list[Subject]:
        """Return the marked rows, or the row under the cursor."""
        rows: Iterable[R] = self.table.marked
        found = [self.subject(row) for row in rows]
        if not found and (row := self.table.cursor) is not None:
            found = [self.subject(row)]
        return found

    def current(self) -> list[Subject]:
        """Return the row under the cursor only."""
        row = self.table.cursor
        return [] if row is None else [self.subject(row)]
