"""Lines of text to scroll through: only those that are visible are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bsdvirt.host.sanitize import shown_line
from bsdvirt.tui.desk import desk_of

Line = tuple[str, str]
"""A text, and the name of its style."""


class Lines(ScrollView, can_focus=True):
    """Lines, each in one style."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]
    DEFAULT_CSS = "Lines { height: 1fr; scrollbar-size-horizontal: 0; }"

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._first = list(lines)

    def on_mount(self) -> None:
        self.show(self._first)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; the place stays. What is no text is escaped."""
        found = [(shown_line(text.expandtabs(8)), style) for text, style in lines]
        if found == self._lines and found:
            return
        self._lines = found
        width = max((cell_len(text) for text, _ in found), default=0)
        self.virtual_size = Size(width + 2, len(found))
        self.refresh()

    @property
    def text(self) -> str:
        """Return all lines."""
        return "\n".join(text for text, _ in self._lines)

    def render_line(self, y: int) -> Strip:
        styles = desk_of(self).palette
        base, width = styles["text"], self.size.width
        index = y + int(self.scroll_offset.y)
        if index >= len(self._lines):
            return Strip.blank(width, base)
        text, style = self._lines[index]
        left = int(self.scroll_offset.x)
        strip = Strip([Segment(f" {text}", base + styles[style])])
        return strip.crop(left, left + width).extend_cell_length(width, base)


def paragraph(text: str, style: str, *, before: str = "") -> list[Line]:
    """Return the lines of a text."""
    return [(f"{before}{line}", style) for line in text.splitlines()]
