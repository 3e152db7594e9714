"""A live table: rows keep their place, the cursor stays on its row, and only what is visible and
has changed is drawn. Textual's own DataTable draws every changed cell, seen or not: with 500 guests
and a tick each second that is the UI's greatest cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from bsdvirt.tui.widgets.columns import GAP, Column
from bsdvirt.tui.widgets.grid import HEADING, Grid
from bsdvirt.tui.widgets.grid import Key as Key

R = TypeVar("R")
CALM = 3.0
"""Seconds between two sorts by a column whose values change all the time."""


class LiveTable(Grid[R]):
    """Rows of one type. `show` gives it the rows of now; it keeps cursor, marks, sort and
    filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("home,g", "go(0)", show=False),
        Binding("end,G", "go(-1)", show=False),
    ]
    calm = CALM
    DEFAULT_CSS = "LiveTable { height: 1fr; scrollbar-size-horizontal: 0; }"

    class Moved(Message):
        """The cursor is on another row, or on none."""

    class Chosen(Message):
        """A row was double-clicked, or enter pressed on it."""

    class MarksChanged(Message):
        """Rows were marked or unmarked."""

    class Sorted(Message):
        """The rows are sorted by another column, or the other way round."""

    class Menu(Message):
        """The right button was pressed on a row."""

        def __init__(self, x: int, y: int) -> None:
            super().__init__()
            self.x = x
            self.y = y

    def __init__(
        self,
        columns: Sequence[Column[R]],
        *,
        sort: str = "",
        empty: str = "nothing here",
        id: str | None = None,
    ) -> None:
        first = next((one for one in columns if one.id == sort), columns[0])
        super().__init__(columns, first, empty, id)
        self._first = first
        """Orders the rows that are the same in the column that they are sorted by."""
        self._wanted: Callable[[R], bool] | None = None
        self._sorted_at = 0.0

    # ---- rows ----

    def show(
        self, rows: Mapping[Key, R], flashing: Iterable[Key] = (), *, settle: bool = False
    ) -> None:
        """Show these rows. Rows that were there keep their order until the next sort; `settle`
        sorts a live column at once."""
        others = rows.keys() != self._rows.keys()
        self._rows = dict(rows)
        self._flashing = set(flashing)
        if marks := self.marks - rows.keys():
            self.marks -= marks
            self.post_message(self.MarksChanged())
        due = time.monotonic() - self._sorted_at >= self.calm
        if settle or due or not self._sort.live:
            self._arrange()
        elif others or self._wanted is not None:
            self._arrange(sort=False)
        self._draw_changes()

    def flash(self, keys: Iterable[Key]) -> None:
        """Have these rows flash, and no others."""
        self._flashing = set(keys)
        self._draw_changes()

    def _arrange(self, *, sort: bool = True) -> None:
        """Sort and filter the rows; the cursor stays on its row, and the row on its line. Without
        `sort`, rows keep their places, and new ones come last."""
        line = self._line()
        before = self._index()
        wanted, rows = self._wanted, self._rows
        if sort:
            fitting = [key for key, row in rows.items() if wanted is None or wanted(row)]
            self._order = self._sorted(fitting)
            self._sorted_at = time.monotonic()
        else:
            known = [key for key in self._order if key in rows]
            new = sorted(rows.keys() - set(known))
            both = (*known, *new)
            self._order = [key for key in both if wanted is None or wanted(rows[key])]
        size = Size(self.size.width, len(self._order) + HEADING)
        if self.virtual_size != size:
            self.virtual_size = size
        after = self._index()
        if after is None:
            nearest = min(before or 0, len(self._order) - 1)
            self._move_to(nearest if self._order else None)
        elif line is not None and after != before:
            self._keep_line(after, line)

    def _keep_line(self, index: int, line: int) -> None:
        """Scroll so that the row under the cursor stays on its line. At the top the table stays
        there as long as the row can be seen."""
        if int(self.scroll_y) == 0 and index < self._lines():
            return
        self.scroll_to(y=max(0, index - line), animate=False, immediate=True)

    def _sorted(self, keys: Sequence[Key]) -> list[Key]:
        """Return rows in their order; those of the same value by the first column of the sort."""
        rows = self._rows
        first = self._first.sort or self._first.text
        keys = sorted(keys, key=lambda key: (first(rows[key]), key))
        if self._sort is self._first:
            return keys[::-1] if self._reverse else keys
        value: Callable[[R], Any] = self._sort.sort or self._sort.text
        values = {key: value(rows[key]) for key in keys}
        known = [key for key in keys if values[key] is not None]
        unknown = [key for key in keys if values[key] is None]
        # A reversed sort is stable too.
        known.sort(key=values.__getitem__, reverse=self._reverse)
        return known + unknown

    @property
    def visible_rows(self) -> list[R]:
        """Return the rows that are not filtered out, in their order."""
        return [self._rows[key] for key in self._order]

    @property
    def by_key(self) -> Mapping[Key, R]:
        """Return all rows, by key."""
        return self._rows

    @property
    def total(self) -> int:
        """Return the number of all rows."""
        return len(self._rows)

    def where(self, wanted: Callable[[R], bool] | None) -> None:
        """Show only the rows that are wanted; None shows all."""
        self._wanted = wanted
        self._arrange()
        self._draw_changes()

    # ---- sort ----

    @property
    def sorted_by(self) -> tuple[Column[R], bool]:
        """Return the column that rows are sorted by, and whether the greatest comes first."""
        return self._sort, self._reverse

    def sort_by(self, id: str, *, reverse: bool | None = None) -> None:
        """Sort by a column; by the same column again, the other way round."""
        column = next(one for one in self._columns if one.id == id)
        if reverse is None:
            reverse = not self._reverse if column is self._sort else column.descends
        self._sort, self._reverse = column, reverse
        self._arrange()
        self.post_message(self.Sorted())
        self.refresh()

    def sort_next(self, by: int) -> None:
        """Sort by the next column that is visible (1), or the one before (-1)."""
        visible = [column for column, _ in self._fitted] or list(self._columns)
        if self._sort in visible:
            index = (visible.index(self._sort) + by) % len(visible)
        else:
            index = 0 if by > 0 else len(visible) - 1
        self.sort_by(visible[index].id, reverse=visible[index].descends)

    # ---- cursor ----

    @property
    def cursor(self) -> R | None:
        """Return the row under the cursor."""
        return self._rows.get(self._cursor) if self._cursor is not None else None

    @property
    def cursor_key(self) -> Key | None:
        return self._cursor if self._cursor in self._rows else None

    def go_to(self, key: Key) -> bool:
        """Move the cursor to a row; return whether it is there."""
        if key not in self._order:
            return False
        self._move_to(self._order.index(key))
        return True

    def _move_to(self, index: int | None) -> None:
        before = self._cursor
        self._cursor = None if index is None else self._order[index]
        if index is not None:
            self._scroll_into_view(index)
        if self._cursor != before:
            self.post_message(self.Moved())
        self._draw_changes()

    def action_move(self, by: int) -> None:
        index = self._index()
        if self._order:
            self._move_to(max(0, min(len(self._order) - 1, (index or 0) + by)))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self._lines() - 1))

    def action_go(self, index: int) -> None:
        if self._order:
            self._move_to(len(self._order) - 1 if index < 0 else index)

    # ---- marks ----

    @property
    def marked(self) -> list[R]:
        """Return the marked rows, in their order; those filtered out included, at the end."""
        seen = [key for key in self._order if key in self.marks]
        return [self._rows[key] for key in (*seen, *sorted(self.marks - set(seen)))]

    @property
    def marked_unseen(self) -> int:
        """Return the number of marked rows that are filtered out."""
        return len(self.marks - set(self._order)) if self.marks else 0

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor, and go to the next."""
        if (key := self.cursor_key) is not None:
            self._set_marks(self.marks ^ {key})
            self.action_move(1)

    def mark(self, keys: Iterable[Key]) -> None:
        """Mark these rows too."""
        self._set_marks(self.marks | (set(keys) & self._rows.keys()))

    def mark_where(self, wanted: Callable[[R], bool], *, mark: bool = True) -> int:
        """Mark the rows that are wanted and not filtered out, or unmark them; return how many."""
        fitting = {key for key in self._order if wanted(self._rows[key])}
        self._set_marks(self.marks | fitting if mark else self.marks - fitting)
        return len(fitting)

    def mark_all(self) -> None:
        """Mark all rows that are not filtered out; unmark them where all are marked."""
        seen = set(self._order)
        self._set_marks(self.marks - seen if seen <= self.marks else self.marks | seen)

    def unmark_all(self) -> None:
        self._set_marks(set())

    def _set_marks(self, marks: set[Key]) -> None:
        self.marks = marks
        self.post_message(self.MarksChanged())
        self._draw_changes()

    # ---- mouse ----

    def on_click(self, event: events.Click) -> None:
        if event.y < HEADING:
            self._click_heading(event.x)
            return
        index = event.y - HEADING + int(self.scroll_y)
        if index >= len(self._order):
            return
        self._move_to(index)
        if event.button == 3:
            self.post_message(self.Menu(event.screen_x, event.screen_y))
        elif event.ctrl:
            self._set_marks(self.marks ^ {self._order[index]})
        elif event.chain > 1:
            self.post_message(self.Chosen())

    def _click_heading(self, x: int) -> None:
        left = 1
        for column, width in self._fitted:
            if left <= x < left + width + GAP:
                self.sort_by(column.id)
                return
            left += width + GAP
