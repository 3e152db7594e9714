"""A live table: rows keep their place, the cursor stays on its row, and only what is visible is
drawn. Textual's own DataTable draws every changed cell, seen or not: with 500 guests and a tick
each second that is the UI's greatest cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.widgets.columns import GAP, Column, fit

R = TypeVar("R")
Key = tuple[str, str]
"""What identifies a row: its host, and its name or number there."""

HEADING = 1
"""Lines of the heading, which does not scroll."""


class LiveTable(ScrollView, Generic[R], can_focus=True):
    """Rows of one type. `show` gives it the rows of now; it keeps cursor, marks, sort and
    filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "go(0)", show=False),
        Binding("end,G", "go(-1)", show=False),
    ]
    DEFAULT_CSS = "LiveTable { height: 1fr; scrollbar-size-horizontal: 0; }"

    class Moved(Message):
        """The cursor is on another row, or on none."""

    class Chosen(Message):
        """A row was double-clicked, or enter pressed on it."""

    class MarksChanged(Message):
        """Rows were marked or unmarked."""

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
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._rows: dict[Key, R] = {}
        self._order: list[Key] = []
        self._cursor: Key | None = None
        self._wanted: Callable[[R], bool] | None = None
        self._flashing: set[Key] = set()
        self._sort = next((one for one in columns if one.id == sort), columns[0])
        self._reverse = False
        self._empty = empty
        self._fitted: list[tuple[Column[R], int]] = []
        self.marks: set[Key] = set()

    # ---- rows ----

    def show(
        self, rows: Mapping[Key, R], flashing: Iterable[Key] = (), *, settle: bool = False
    ) -> None:
        """Show these rows. Rows that were there keep their order until the next sort; `settle`
        sorts a live column anew."""
        gone = [key for key in self._rows if key not in rows]
        added = [key for key in rows if key not in self._rows]
        self._rows = dict(rows)
        self._flashing = set(flashing)
        if marks := self.marks - rows.keys():
            self.marks -= marks
            self.post_message(self.MarksChanged())
        if gone or added or settle or not self._sort.live or self._wanted is not None:
            self._arrange()
        self.refresh()

    def _arrange(self) -> None:
        """Filter and sort the rows; the cursor stays on its row, and the row on its line."""
        line = self._line()
        before = self._index()
        wanted = self._wanted
        keys = [key for key, row in self._rows.items() if wanted is None or wanted(row)]
        self._order = self._sorted(keys)
        self.virtual_size = Size(self.size.width, len(self._order) + HEADING)
        after = self._index()
        if after is None:
            nearest = min(before or 0, len(self._order) - 1)
            self._move_to(nearest if self._order else None)
        elif line is not None:
            self.scroll_to(y=max(0, after - line), animate=False, immediate=True)

    def _sorted(self, keys: Sequence[Key]) -> list[Key]:
        column = self._sort
        value: Callable[[R], Any] = column.sort or column.text
        rows = self._rows
        known = [key for key in keys if value(rows[key]) is not None]
        unknown = [key for key in keys if value(rows[key]) is None]
        known.sort()
        known.sort(key=lambda key: value(rows[key]), reverse=self._reverse)
        return [*known, *sorted(unknown)]

    @property
    def visible_rows(self) -> list[R]:
        """Return the rows that are not filtered out, in their order."""
        return [self._rows[key] for key in self._order]

    @property
    def total(self) -> int:
        """Return the number of all rows."""
        return len(self._rows)

    def where(self, wanted: Callable[[R], bool] | None) -> None:
        """Show only the rows that are wanted; None shows all."""
        self._wanted = wanted
        self._arrange()
        self.refresh()

    # ---- sort ----

    @property
    def columns(self) -> tuple[Column[R], ...]:
        return self._columns

    def leave_out(self, *ids: str) -> None:
        """Leave columns out, such as the host's name where there is one host only."""
        self._columns = tuple(one for one in self._columns if one.id not in ids)
        self.refresh()

    def shows(self, id: str) -> bool:
        """Return whether a column fits the width."""
        return any(column.id == id for column, _ in fit(self._columns, self.size.width - 1))

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
        self.refresh()

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

    def _index(self) -> int | None:
        if self._cursor is None or self._cursor not in self._rows:
            return None
        try:
            return self._order.index(self._cursor)
        except ValueError:
            return None

    def _line(self) -> int | None:
        """Return the line of the cursor within what is visible."""
        index = self._index()
        return None if index is None else index - int(self.scroll_y)

    def _move_to(self, index: int | None) -> None:
        before = self._cursor
        self._cursor = None if index is None else self._order[index]
        if index is not None:
            self._scroll_into_view(index)
        if self._cursor != before:
            self.post_message(self.Moved())
        self.refresh()

    def _scroll_into_view(self, index: int) -> None:
        top, lines = int(self.scroll_y), self._lines()
        if index < top:
            self.scroll_to(y=index, animate=False, immediate=True)
        elif index >= top + lines:
            self.scroll_to(y=index - lines + 1, animate=False, immediate=True)

    def _lines(self) -> int:
        return max(1, self.size.height - HEADING)

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

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor, and go to the next."""
        if (key := self.cursor_key) is not None:
            self.marks ^= {key}
            self.post_message(self.MarksChanged())
            self.action_move(1)

    def mark(self, keys: Iterable[Key]) -> None:
        """Mark these rows too."""
        self.marks |= set(keys) & self._rows.keys()
        self.post_message(self.MarksChanged())
        self.refresh()

    def mark_all(self) -> None:
        """Mark all rows that are not filtered out; unmark them where all are marked."""
        seen = set(self._order)
        self.marks = self.marks - seen if seen <= self.marks else self.marks | seen
        self.post_message(self.MarksChanged())
        self.refresh()

    def unmark_all(self) -> None:
        self.marks = set()
        self.post_message(self.MarksChanged())
        self.refresh()

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
        elif event.chain > 1:
            self.post_message(self.Chosen())

    def _click_heading(self, x: int) -> None:
        left = 1
        for column, width in self._fitted:
            if left <= x < left + width + GAP:
                self.sort_by(column.id)
                return
            left += width + GAP

    # ---- drawing ----

    def on_resize(self, event: events.Resize) -> None:
        self.virtual_size = Size(self.size.width, len(self._order) + HEADING)
        if (index := self._index()) is not None:
            self._scroll_into_view(index)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        styles = desk_of(self).palette
        if y == 0:
            self._fitted = fit(self._columns, width - 1)
            return self._heading(width, styles)
        if not self._order and y == 1:
            text = self._empty if not self._rows else "nothing matches the filter"
            return _strip([Segment(f"  {text}", styles["dim"])], width, styles["text"])
        index = y - HEADING + int(self.scroll_y)
        if index >= len(self._order):
            return Strip.blank(width, styles["text"])
        return self._row(self._order[index], width, styles)

    def _heading(self, width: int, styles: Mapping[str, Style]) -> Strip:
        glyphs = desk_of(self).glyphs
        segments = [Segment(" ", styles["heading"])]
        for column, cells in self._fitted:
            title = column.title
            if column is self._sort:
                title += glyphs.down if self._reverse else glyphs.up
            segments.append(
                Segment(_cell(title, cells, column.right) + " " * GAP, styles["heading"])
            )
        return _strip(segments, width, styles["heading"])

    def _row(self, key: Key, width: int, styles: Mapping[str, Style]) -> Strip:
        row = self._rows[key]
        over = styles["text"]
        if key in self._flashing:
            over = over + styles["flash"]
        if key == self._cursor:
            over = over + styles["cursor" if self.has_focus else "cursor-away"]
        mark = desk_of(self).glyphs.mark if key in self.marks else " "
        segments = [Segment(mark, styles["mark"] + over)]
        for column, cells in self._fitted:
            name = column.style(row) if column.style else ""
            style = styles[name] + over if name else over
            segments.append(
                Segment(_cell(column.text(row), cells, column.right) + " " * GAP, style)
            )
        return _strip(segments, width, over)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def line_region(self) -> Region | None:
        """Return where the row under the cursor is on the screen."""
        line = self._line()
        if line is None:
            return None
        return Region(self.region.x, self.region.y + HEADING + line, self.size.width, 1)


def _cell(text: str, width: int, right: bool) -> str:
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, max(0, width - 1)) + "~" if width else ""
    pad = " " * (width - length)
    return pad + text if right else text + pad


def _strip(segments: list[Segment], width: int, style: Style) -> Strip:
    return Strip(segments).adjust_cell_length(width, style)
