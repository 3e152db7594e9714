"""Sparklines: the last values of a figure in a line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence


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
