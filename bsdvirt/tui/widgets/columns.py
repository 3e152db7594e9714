"""Columns of a table: their text, how they are sorted, and which fit the width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

from bsdvirt.tui.widgets.glyphs import Glyphs

R = TypeVar("R")

GAP = 1
"""Cells between columns."""
UNKNOWN = "-"
"""What is shown where a value is not known."""


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """A column: `text` gives a row's cell, already harmless; `sort` what rows are ordered by."""

    id: str
    title: str
    text: Callable[[R], str]
    width: int
    """Least width in cells."""
    sort: Callable[[R], Any] | None = None
    """None where the text itself is compared. None of a row sorts last."""
    style: Callable[[R], str] | None = None
    """Returns the name of a style of the theme (widgets/styles.py); "" for plain text."""
    right: bool = False
    """Whether it is aligned to the right, as numbers are."""
    grows: int = 0
    """Share of the width that is left."""
    rank: int = 0
    """The columns of the highest rank are left out first where the width is short; those of one
    rank together."""
    live: bool = False
    """Whether its values change all the time: rows are then sorted again every few seconds only."""
    descends: bool = False
    """Whether the first sort by it puts the greatest first."""
    draw: Callable[[R, int, Glyphs], str] | None = None
    """Returns the cell for a width, in place of `text`."""


def fit(columns: Sequence[Column[R]], width: int) -> list[tuple[Column[R], int]]:
    """Return the columns that fit, with their widths."""
    left = width
    chosen: list[Column[R]] = []
    ranked = sorted(columns, key=lambda one: one.rank)
    for _, some in groupby(ranked, key=lambda one: one.rank):
        together = list(some)
        needed = _least(together)
        if chosen and needed > left:
            break
        chosen += together
        left -= needed
    ids = {one.id for one in chosen}
    spare = max(0, left)
    shares = sum(one.grows for one in chosen)
    return [
        (one, one.width + (spare * one.grows // shares if shares else 0))
        for one in columns
        if one.id in ids
    ]


def _least(columns: Sequence[Column[R]]) -> int:
    return sum(one.width + GAP for one in columns)
