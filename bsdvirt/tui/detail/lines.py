"""Lines of text that scroll: of bounded number, wrapped to the width, searched. Only what is
visible is drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bsdvirt.tui.desk import desk_of

Line = tuple[tuple[str, str], ...]
"""Pieces of text, each with the name of its style. The text is harmless already."""
MOST_KEPT = 10000
"""How many lines are kept: the oldest are dropped."""


class TextLines(ScrollView, can_focus=True):
    """Shows lines; at the end, it stays at the end when lines are added."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", show=False),
        Binding("down,j", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home,g", "go_home", show=False),
        Binding("end,G", "go_end", show=False),
    ]
    DEFAULT_CSS = "TextLines { height: 1fr; scrollbar-size-horizontal: 0; }"

    def __init__(self, *, most: int = MOST_KEPT, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: deque[Line] = deque(maxlen=most)
        self._rows: list[Line] = []
        """The lines, wrapped."""
        self._counts: deque[int] = deque(maxlen=most)
        """The number of rows of each line."""
        self._empty = empty
        self._sought = ""

    # ---- lines ----

    def show(self, lines: Iterable[Line]) -> None:
        """Show other lines, at the same place."""
        self._lines.clear()
        self._lines.extend(lines)
        self._wrap()

    def clear(self, empty: str = "") -> None:
        """Show nothing; `empty` says why."""
        self._empty = empty
        self.show(())
        self.scroll_to(y=0, animate=False, immediate=True)

    @property
    def at_end(self) -> bool:
        """Return whether the last row is visible."""
        return self.scroll_y >= len(self._rows) - self.size.height

    def add(self, lines: Sequence[Line], *, instead: int = 0) -> None:
        """Add lines at the end, `instead` of so many of the last."""
        end = self.at_end
        for _ in range(min(instead, len(self._lines))):
            self._lines.pop()
            del self._rows[len(self._rows) - self._counts.pop() :]
        dropped = 0
        for line in lines:
            if len(self._lines) == self._lines.maxlen:
                dropped += self._counts[0]
            rows = self._wrapped(line)
            self._lines.append(line)
            self._counts.append(len(rows))
            self._rows += rows
        del self._rows[:dropped]
        self._fit()
        if end:
            self.action_go_end()
        elif dropped:
            self._go_to(self.scroll_y - dropped)

    def add_before(self, lines: Sequence[Line]) -> bool:
        """Add lines at the beginning, and keep what is visible where it is; return whether there
        was room for them."""
        if (self._lines.maxlen or 0) - len(self._lines) < len(lines):
            return False
        added = 0
        for line in reversed(lines):
            rows = self._wrapped(line)
            self._lines.appendleft(line)
            self._counts.appendleft(len(rows))
            self._rows[:0] = rows
            added += len(rows)
        self._fit()
        self._go_to(self.scroll_y + added)
        return True

    @property
    def texts(self) -> list[str]:
        """Return the lines without styles."""
        return ["".join(text for text, _ in line) for line in self._lines]

    # ---- place ----

    def _wrapped(self, line: Line) -> list[Line]:
        width = max(8, self.size.width or 80)
        if sum(cell_len(text) for text, _ in line) <= width:
            return [line]
        return [*_wrapped(line, width)]

    def _wrap(self) -> None:
        end = self.at_end and bool(self._rows) and len(self._rows) > self.size.height
        rows = [self._wrapped(line) for line in self._lines]
        self._counts.clear()
        self._counts.extend(len(one) for one in rows)
        self._rows = [row for one in rows for row in one]
        self._fit()
        if end:
            self.action_go_end()

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows))
        self.refresh()

    def _go_to(self, row: float) -> None:
        self.scroll_to(y=max(0, row), animate=False, immediate=True)

    def on_resize(self, event: events.Resize) -> None:
        self._wrap()

    def action_go_home(self) -> None:
        self._go_to(0)

    def action_go_end(self) -> None:
        self._go_to(len(self._rows) - self.size.height)

    # ---- search ----

    def search(self, text: str) -> bool:
        """Mark a text wherever it is, and go to the last place above the end of what is visible;
        return whether there is one."""
        self._sought = text.lower()
        self.refresh()
        return bool(text) and self.search_next(backwards=True, here=True)

    def search_next(self, *, backwards: bool, here: bool = False) -> bool:
        """Go to the next place of the text that is searched; return whether there is one."""
        top = int(self.scroll_y)
        if here:
            order = range(min(len(self._rows), top + self.size.height) - 1, -1, -1)
        elif backwards:
            order = range(top - 1, -1, -1)
        else:
            order = range(top + 1, len(self._rows))
        for index in order:
            if self._sought in "".join(text for text, _ in self._rows[index]).lower():
                self._go_to(index)
                return True
        return False

    @property
    def sought(self) -> str:
        return self._sought

    # ---- drawing ----

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        styles = desk_of(self).palette
        index = y + int(self.scroll_y)
        if not self._rows and y == 0 and self._empty:
            return _strip([Segment(f" {self._empty}", styles["dim"])], width, styles["text"])
        if index >= len(self._rows):
            return Strip.blank(width, styles["text"])
        row = self._rows[index]
        if self._sought:
            row = tuple(_marked(row, self._sought))
        segments = [Segment(text, _style(styles, name)) for text, name in row]
        return _strip(segments, width, styles["text"])


def _style(styles: Mapping[str, Style], name: str) -> Style:
    return styles["text"] + styles[name] if name else styles["text"]


def _marked(row: Line, sought: str) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a row, with the text that is searched in a style of its own."""
    for text, name in row:
        low, at = text.lower(), 0
        # Lower case may have another length, in a few languages: then nothing is marked.
        while len(low) == len(text) and (found := low.find(sought, at)) >= 0:
            yield text[at:found], name
            yield text[found : found + len(sought)], "flash"
            at = found + len(sought)
        yield text[at:], name


def _wrapped(line: Line, width: int) -> Iterator[Line]:
    """Yield the rows of a line."""
    row: list[tuple[str, str]] = []
    room = width
    for text, name in line:
        while text:
            piece = (
                text if cell_len(text) <= room else chop_cells(text, room)[0] if room > 1 else ""
            )
            if piece and cell_len(piece) <= room:
                row.append((piece, name))
                room -= cell_len(piece)
                text = text[len(piece) :]
            if text:
                yield tuple(row)
                row, room = [], width
    yield tuple(row)


def _strip(segments: list[Segment], width: int, style: Style) -> Strip:
    return Strip(segments).adjust_cell_length(width, style)
