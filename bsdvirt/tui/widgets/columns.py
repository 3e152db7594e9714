"""Columns of a table: their text, how they are sorted, and which fit the width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

R = TypeVar("R")

GAP = 1
"""Cells between columns."""


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
    """The columns of the highest rank are left out first where the width is short."""
    live: bool = False
    """Whether its values change all the time: rows are then not sorted anew at each tick."""
    descends: bool = False
    """Whether the first sort by it puts the greatest first."""


def fit(columns: Sequence[Column[R]], width: int) -> list[tuple[Column[R], int]]:
    """Return the columns that fit, with their widths."""
    chosen = list(columns)
    while len(chosen) > 1 and _least(chosen) > width:
        worst = max(one.rank for one in chosen)
        chosen.remove(next(one for one in reversed(chosen) if one.rank == worst))
    spare = max(0, width - _least(chosen))
    shares = sum(one.grows for one in chosen)
    return [(one, one.width + (spare * one.grows // shares if shares else 0)) for one in chosen]


def _least(columns: Sequence[Column[R]]) -> int:
    return sum(one.width + GAP for one in columns)
