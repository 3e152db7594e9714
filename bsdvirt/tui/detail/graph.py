"""A graph of the last minutes in characters: blocks, or ASCII ones."""

from __future__ import annotations

import math
from collections.abc import Sequence


def columns(values: Sequence[float], width: int) -> list[float]:
    """Return so many values, each the greatest of those that it stands for; unknown ones are NaN.
    The newest is at the right."""
    each = max(1, math.ceil(len(values) / width)) if width else 1
    groups: list[float] = []
    for end in range(len(values), 0, -each):
        known = [one for one in values[max(0, end - each) : end] if not math.isnan(one)]
        groups.append(max(known) if known else math.nan)
    return [math.nan] * (width - len(groups)) + groups[::-1]


def rows(values: Sequence[float], height: int, top: float, bars: str) -> list[str]:
    """Return the rows of a graph, the uppermost first. `bars` are characters from empty to full."""
    full = len(bars) - 1
    levels = [_level(value, height * full, top) for value in values]
    return [
        "".join(bars[max(0, min(full, level - row * full))] for level in levels)
        for row in reversed(range(height))
    ]


def _level(value: float, most: int, top: float) -> int:
    """Return how high a value is, in parts of a character. What is not nothing is seen."""
    if math.isnan(value) or value <= 0 or top <= 0:
        return 0
    return max(1, min(most, round(value / top * most)))


def scale(values: Sequence[float], least: float) -> float:
    """Return the top of a graph: a power of two times `least` that no value exceeds, so that the
    scale changes seldom."""
    most = max((one for one in values if not math.isnan(one)), default=0.0)
    top = least
    while top < most:
        top *= 2
    return top
