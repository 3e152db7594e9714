"""Cells of figures: sizes, rates, percentages and times in a few characters."""

from __future__ import annotations

from bsdvirt.rows.sizes import human_size
from bsdvirt.tui.widgets.columns import UNKNOWN

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def size(number: float | None) -> str:
    """Return a size or a rate, as zfs(8) prints sizes."""
    if number is None:
        return UNKNOWN
    return human_size(int(number)) if number else "0"


def percent(number: float | None) -> str:
    if number is None:
        return UNKNOWN
    return f"{number:.1f}" if number < 99.95 else f"{number:.0f}"


def share(used: int | None, limit: int | None) -> str:
    """Return USED/LIMIT; USED where there is no limit."""
    if used is None or limit is None:
        return size(used)
    return f"{size(used)}/{size(limit)}"


def duration(seconds: float | None) -> str:
    """Return a time in two units at most, such as 3h12m: short, and calm."""
    if seconds is None:
        return UNKNOWN
    left = int(seconds)
    if left < MINUTE:
        return f"{left}s"
    if left < HOUR:
        return f"{left // MINUTE}m"
    if left < DAY:
        return f"{left // HOUR}h{left % HOUR // MINUTE:02}m"
    days, rest = divmod(left, DAY)
    return f"{days}d{rest // HOUR:02}h" if days < 100 else f"{days}d"


def level(value: float | None, warning: float, bad: float) -> str:
    """Return the name of the style for a value: that of a threshold that it has reached."""
    if value is None or value < warning:
        return ""
    return "bad" if value >= bad else "warning"
