"""A line of cells, as it is drawn: compared with what the screen shows, and turned into a strip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

CUT = "~"
"""Ends a text that is longer than its cell."""


class Cell(NamedTuple):
    """A text of a width, and the names of its styles."""

    text: str
    width: int
    style: str = ""
    over: tuple[str, ...] = ()
    """Further styles, such as the cursor's, over its own."""
    right: bool = False
    gap: int = 0
    """Cells after it."""


Line = tuple[Cell, ...]
"""Cells from left to right; the last may be wider than the place that is left."""


def strip(line: Line, width: int, palette: Mapping[str, Style]) -> Strip:
    """Return a line as it is drawn."""
    segments = [Segment(_padded(cell), _style(cell, palette)) for cell in line]
    return Strip(segments).adjust_cell_length(width, palette["text"])


def changed(before: Line | None, after: Line, width: int) -> tuple[int, int]:
    """Return where a line differs: the first cell of the screen, and the one after the last."""
    if before is None or len(before) != len(after):
        return 0, width
    left, right, place = width, 0, 0
    for old, new in zip(before, after, strict=True):
        if (old.width, old.gap) != (new.width, new.gap):
            return 0, width
        end = min(width, place + new.width + new.gap)
        if old != new:
            left, right = min(left, place), max(right, end)
        place = end
    return left, right


def _style(cell: Cell, palette: Mapping[str, Style]) -> Style:
    style = palette["text"]
    if cell.style:
        style += palette[cell.style]
    for name in cell.over:
        style += palette[name]
    return style


def _padded(cell: Cell) -> str:
    length = len(cell.text) if cell.text.isascii() else cell_len(cell.text)
    text = cell.text
    if length > cell.width:
        text = set_cell_size(text, cell.width - 1) + CUT if cell.width else ""
        length = cell.width
    pad = " " * (cell.width - length)
    return (pad + text if cell.right else text + pad) + " " * cell.gap
