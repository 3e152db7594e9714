"""The map of a host's CPUs, with a cursor; CPUs can be chosen on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from msgspec.structs import replace
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bsdvirt.cpu.blocks import Block, Line
from bsdvirt.cpu.cells import ASCII, UTF8
from bsdvirt.cpu.map import HEIGHT, draw
from bsdvirt.rows.cpu import CpuMap
from bsdvirt.tui.desk import desk_of

STYLES = {
    "frame": "dim", "title": "heading", "dim": "dim", "unknown": "dim", "idle": "dim",
    "low": "good", "mid": "warning", "high": "bad", "number": "text",
}  # fmt: skip
"""Styles of the theme, by those of the drawing; guests have styles of their own."""
Place = tuple[float, float]


class CpuMapView(ScrollView, can_focus=True):
    """The drawing of a CpuMap. `chosen` are CPUs that stand out, such as those of a guest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l", "step(1)", show=False),
        Binding("up,k", "climb(-1)", show=False),
        Binding("down,j", "climb(1)", show=False),
        Binding("home,g", "go(0)", show=False),
        Binding("end,G", "go(-1)", show=False),
    ]
    DEFAULT_CSS = "CpuMapView { height: 1fr; scrollbar-size: 0 1; }"

    class Moved(Message):
        """Another CPU is under the cursor."""

    class Picked(Message):
        """A CPU was clicked."""

        def __init__(self, cpu: int) -> None:
            super().__init__()
            self.cpu = cpu

    def __init__(self, *, height: int = HEIGHT, id: str | None = None) -> None:
        super().__init__(id=id)
        self._height = height
        self._shown: CpuMap | None = None
        self._lines: Block = []
        self._cursor: int | None = None
        self._chosen: frozenset[int] = frozenset()

    # ---- what is shown ----

    def show(self, shown: CpuMap, loads: Sequence[float | None] = ()) -> None:
        """Show a map; `loads` are newer than its own, by number."""
        self._shown = _loaded(shown, loads)
        if self._cursor not in shown.host.cpus:
            self._cursor = shown.host.cpus[0] if shown.host.cpus else None
        self._draw()

    def choose(self, cpus: Collection[int]) -> None:
        """Let these CPUs stand out."""
        self._chosen = frozenset(cpus)
        self.refresh()

    def fit(self, height: int) -> None:
        """Set the number of lines that the drawing should fit."""
        if height != self._height:
            self._height = height
            self._draw()

    @property
    def lines(self) -> int:
        """Return the number of lines of the drawing."""
        return len(self._lines)

    @property
    def cursor(self) -> int | None:
        """Return the CPU under the cursor."""
        return self._cursor

    def _draw(self) -> None:
        if self._shown is None or self.size.width < 1:
            return
        chars = ASCII if desk_of(self).glyphs.bars.isascii() else UTF8
        width = self.size.width
        self._lines = draw(self._shown, width, height=self._height, glyphs=chars)
        if len(self._lines) > self.size.height:
            # The scroll bar takes its columns from the drawing.
            width -= self.styles.scrollbar_size_vertical
            self._lines = draw(self._shown, width, height=self._height, glyphs=chars)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    # ---- cursor ----

    def move_to(self, cpu: int) -> None:
        """Put the cursor on a CPU."""
        if self._shown is None or cpu not in self._shown.host.cpus or cpu == self._cursor:
            return
        self._cursor = cpu
        self._scroll_to_cursor()
        self.post_message(self.Moved())
        self.refresh()

    def action_step(self, by: int) -> None:
        if self._shown is None or self._cursor is None:
            return
        cpus = self._shown.host.cpus
        self.move_to(cpus[max(0, min(len(cpus) - 1, cpus.index(self._cursor) + by))])

    def action_go(self, index: int) -> None:
        if self._shown is not None and self._shown.host.cpus:
            self.move_to(self._shown.host.cpus[index])

    def action_climb(self, by: int) -> None:
        """Go to the nearest CPU above or below."""
        places = self._places()
        here = places.get(self._cursor) if self._cursor is not None else None
        if here is None:
            return
        y, x = here
        beyond = {cpu: at for cpu, at in places.items() if (at[0] - y) * by > 0}
        if beyond:
            near = min(abs(at[0] - y) for at in beyond.values())
            row = {cpu: at for cpu, at in beyond.items() if abs(at[0] - y) == near}
            self.move_to(min(row, key=lambda cpu: (abs(row[cpu][1] - x), cpu)))

    def _places(self) -> dict[int, Place]:
        """Return the first line and column of each CPU."""
        places: dict[int, Place] = {}
        for y, line in enumerate(self._lines):
            x = 0
            for segment in line:
                if segment.cpu is not None:
                    places.setdefault(segment.cpu, (y, x))
                x += len(segment.text)
        return places

    def _scroll_to_cursor(self) -> None:
        place = self._places().get(self._cursor) if self._cursor is not None else None
        if place is None:
            return
        y, top = int(place[0]), int(self.scroll_y)
        if not top <= y < top + self.size.height:
            self.scroll_to(y=max(0, y - self.size.height // 2), animate=False, immediate=True)

    def on_click(self, event: events.Click) -> None:
        cpu = self._cpu_at(event.x, event.y + int(self.scroll_y))
        if cpu is not None:
            self.move_to(cpu)
            self.post_message(self.Picked(cpu))

    def _cpu_at(self, x: int, y: int) -> int | None:
        """Return the CPU that is drawn there; what is between two belongs to the one before."""
        if y >= len(self._lines):
            return None
        found, left = None, 0
        for segment in self._lines[y]:
            if left > x:
                break
            if segment.style in ("frame", "title"):
                found = None
            elif segment.cpu is not None:
                found = segment.cpu
            left += len(segment.text)
        return found

    # ---- drawing ----

    def render_line(self, y: int) -> Strip:
        styles = desk_of(self).palette
        index = y + int(self.scroll_y)
        line: Line = self._lines[index] if index < len(self._lines) else ()
        strip = Strip([Segment(one.text, self._style(one.style, one.cpu)) for one in line])
        return strip.adjust_cell_length(self.size.width, styles["text"])

    def _style(self, name: str, cpu: int | None) -> Style:
        styles = desk_of(self).palette
        words = name.split()
        style = styles["text"]
        for word in words:
            style += styles[STYLES.get(word, word)]
        if cpu is not None and cpu in self._chosen:
            style += styles["cursor-away"]
        if cpu is not None and cpu == self._cursor:
            style += styles["cursor" if self.has_focus else "cursor-away"]
        return style

    def on_focus(self) -> None:
        self.post_message(self.Moved())
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


def _loaded(shown: CpuMap, loads: Sequence[float | None]) -> CpuMap:
    """Return the map with these loads, where they are known."""
    rows = [
        replace(row, busy=loads[row.number])
        if row.number < len(loads) and loads[row.number] is not None
        else row
        for row in shown.cpus
    ]
    return replace(shown, cpus=rows)
