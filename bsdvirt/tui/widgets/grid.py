"""How a live table is drawn: only what is visible and has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Self, TypeVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.widgets.columns import GAP, Column, fit
from bsdvirt.tui.widgets.line import Cell, Line, changed, strip

R = TypeVar("R")
Key = tuple[str, str]
"""What identifies a row: its host, and its name or number there."""

HEADING = 1
"""Lines of the heading, which does not scroll."""


class Grid(ScrollView, Generic[R], can_focus=True):
    """Rows and columns on the screen. What they are is up to LiveTable."""

    def __init__(
        self, columns: Sequence[Column[R]], sort: Column[R], empty: str, id: str | None
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._rows: dict[Key, R] = {}
        self._order: list[Key] = []
        """The rows that are not filtered out, in their order."""
        self._cursor: Key | None = None
        self._flashing: set[Key] = set()
        self._sort = sort
        self._reverse = False
        self._empty = empty
        self._fitted: list[tuple[Column[R], int]] = []
        self._drawn: dict[int, tuple[Line, Strip]] = {}
        """By line of the widget: what is on the screen."""
        self._palette: Mapping[str, Style] = {}
        """The styles that the strips were drawn in."""
        self._next: dict[int, Line] = {}
        """By line: what is to be drawn, where that is known already."""
        self.marks: set[Key] = set()

    # ---- columns ----

    @property
    def columns(self) -> tuple[Column[R], ...]:
        return self._columns

    @columns.setter
    def columns(self, columns: Sequence[Column[R]]) -> None:
        """Show other columns; that of the sort remains one of them."""
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._fit()
            self.refresh()

    def leave_out(self, *ids: str) -> None:
        """Leave columns out, such as the host's name where there is one host only."""
        self.columns = [one for one in self._columns if one.id not in ids]

    def shows(self, id: str) -> bool:
        """Return whether a column fits the width."""
        return any(column.id == id for column, _ in self._fitted)

    # ---- lines ----

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

    def _scroll_into_view(self, index: int) -> None:
        top, lines = int(self.scroll_y), self._lines()
        if index < top:
            self.scroll_to(y=index, animate=False, immediate=True)
        elif index >= top + lines:
            self.scroll_to(y=index - lines + 1, animate=False, immediate=True)

    def _lines(self) -> int:
        return max(1, self.size.height - HEADING)

    # ---- drawing ----

    def _fit(self) -> None:
        self._fitted = fit(self._columns, self.size.width - 1)

    def on_resize(self, event: events.Resize) -> None:
        self._fit()
        self.virtual_size = Size(self.size.width, len(self._order) + HEADING)
        if (index := self._index()) is not None:
            self._scroll_into_view(index)

    def _draw_changes(self) -> None:
        """Have the cells drawn that are not what the screen shows: a line to a terminal over ssh,
        or a serial one, is not sent for nothing."""
        if not self.is_mounted or not self.size:
            return
        regions = []
        lines = {y: self._compose_line(y) for y in range(self.size.height)}
        for y, line in lines.items():
            known = self._drawn.get(y)
            if known is None or known[0] != line:
                left, right = changed(known[0] if known else None, line, self.size.width)
                regions.append(Region(left, y, right - left, 1))
        if regions:
            self.refresh(*regions)
        self._next = lines

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """Draw again: what was known of the lines may be old, as after scrolling."""
        self._next = {}
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def render_line(self, y: int) -> Strip:
        palette = desk_of(self).palette
        if palette is not self._palette:
            self._palette = palette
            self._drawn.clear()
        line = self._next.pop(y, None)
        if line is None:
            line = self._compose_line(y)
        known = self._drawn.get(y)
        if known is not None and known[0] == line and known[1].cell_length == self.size.width:
            return known[1]
        drawn = strip(line, self.size.width, palette)
        self._drawn[y] = line, drawn
        return drawn

    def _compose_line(self, y: int) -> Line:
        if y == 0:
            return self._heading()
        if not self._order and y == 1:
            text = self._empty if not self._rows else "nothing matches the filter"
            return (Cell(f"  {text}", self.size.width, "dim"),)
        index = y - HEADING + int(self.scroll_y)
        return self._row(self._order[index]) if index < len(self._order) else ()

    def _heading(self) -> Line:
        glyphs = desk_of(self).glyphs
        cells = [Cell("", 1, "heading")]
        for column, width in self._fitted:
            title = column.title
            if column is self._sort:
                # The arrow is seen where the title is cut.
                title = title[: width - 1] + (glyphs.down if self._reverse else glyphs.up)
            cells.append(Cell(title, width, "heading", right=column.right, gap=GAP))
        return (*cells, Cell("", self.size.width, "heading"))

    def _row(self, key: Key) -> Line:
        row, glyphs = self._rows[key], desk_of(self).glyphs
        over: tuple[str, ...] = ("flash",) if key in self._flashing else ()
        if key == self._cursor:
            over = (*over, "cursor" if self.has_focus else "cursor-away")
        mark = glyphs.mark if key in self.marks else " "
        cells = [Cell(mark, 1, "mark", over)]
        for column, width in self._fitted:
            text = column.draw(row, width, glyphs) if column.draw else column.text(row)
            style = column.style(row) if column.style else ""
            cells.append(Cell(text, width, style, over, column.right, GAP))
        return (*cells, Cell("", self.size.width, "", over))

    def on_focus(self) -> None:
        self._draw_changes()

    def on_blur(self) -> None:
        self._draw_changes()

    def line_region(self) -> Region | None:
        """Return where the row under the cursor is on the screen."""
        line = self._line()
        if line is None:
            return None
        return Region(self.region.x, self.region.y + HEADING + line, self.size.width, 1)
