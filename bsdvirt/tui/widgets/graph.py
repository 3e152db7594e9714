"""Graphs and sparklines in characters: blocks, or ASCII ones. Pure."""

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


def averages(values: Sequence[float], width: int) -> list[float]:
    """Return so many values, each the mean of those that it stands for: each value stands in one
    place, or in several where there are few. Unknown ones are NaN."""
    groups = []
    for at in range(width):
        begin = at * len(values) // width
        end = max(begin + 1, (at + 1) * len(values) // width)
        known = [one for one in values[begin:end] if not math.isnan(one)]
        groups.append(sum(known) / len(known) if known else math.nan)
    return groups


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


def sparkline(values: Sequence[float], width: int, top: float, bars: str) -> str:
    """Return the values as bars, the last at the right; `bars` are from empty to full, and `top`
    is full. What is unknown is blank."""
    shown = values[-width:] if width > 0 else ()
    most = len(bars) - 1
    line = "".join(
        " " if math.isnan(value) else bars[_height(value / top, most)] for value in shown
    )
    return line.rjust(width)


def _height(share: float, most: int) -> int:
    """Return the bar for a share of the whole: whatever is not nothing is seen."""
    if share <= 0.005:
        return 0
    return max(1, min(most, round(share * most)))
