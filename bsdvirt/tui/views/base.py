"""A view of the main screen: a live table, and what actions act on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.views.filters import Fields, offers, parse
from bsdvirt.tui.widgets.columns import Column
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
        self.filters: list[str] = []
        """The filters that are kept: a row has to match all of them."""

    def make_table(self) -> LiveTable[R]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self.table

    def on_shown(self) -> None:
        """Called when the view becomes visible."""

    def reload(self, host: str | None = None) -> None:
        """Called when a host (None: any) is to be read now: something was changed there."""

    def refresh_from(self, store: Store) -> None:
        """Called after each tick while the view is visible."""
        raise NotImplementedError

    def subject(self, row: R) -> Subject:
        """Return what actions act on, for a row."""
        raise NotImplementedError

    # ---- filters ----

    @cached_property
    def fields(self) -> Fields[R]:
        """What filters ask of a row: the cells of its columns, KEY: being a column's id."""
        columns = [one for one in self.table.columns if one.draw is None]
        return Fields(
            lambda row: (one.text(row) for one in columns),
            {one.id: _values(one) for one in columns},
        )

    def matcher(self, text: str) -> Callable[[R], bool] | None:
        """Return the test of a row for a filter as typed; None if it says nothing yet. Raises
        UsageError."""
        return parse(text, self.fields)

    def filter_by(self, typed: str = "") -> None:
        """Show only what matches all filters, and what is being typed. Raises UsageError."""
        tests = [test for text in (*self.filters, typed) if (test := self.matcher(text))]
        self.table.where((lambda row: all(test(row) for test in tests)) if tests else None)

    def keep_filter(self, typed: str) -> None:
        """Add a filter to those that are kept. Raises UsageError."""
        if self.matcher(typed) is not None:
            self.filters.append(typed.strip())
        self.filter_by()

    def drop_filter(self) -> bool:
        """Drop the last filter; return whether there was one."""
        if not self.filters:
            return False
        self.filters.pop()
        self.filter_by()
        return True

    def offers(self, text: str) -> Sequence[str]:
        """Return what the last word of a filter may become."""
        return offers(text, self.fields, list(self.table.by_key.values()))

    def pattern(self, text: str) -> Callable[[R], bool] | None:
        """Return the test of rows to mark: names by a pattern as sh(1) has it, or KEY:VALUE as in
        a filter. Raises UsageError."""
        if ":" in text:
            return self.matcher(text)
        patterns = text.split()
        return (lambda row: self._is_named(row, patterns)) if patterns else None

    def _is_named(self, row: R, patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(self.subject(row).name, one) for one in patterns)

    # ---- what actions act on ----

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


def _values(column: Column[Any]) -> Callable[[Any], Sequence[str]]:
    """Return the values that a cell has: its words, and its whole text."""
    return lambda row: (column.text(row), *column.text(row).split())
