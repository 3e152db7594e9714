"""Units, and sizes as people read them."""

from __future__ import annotations

BYTES = "bytes"
RATE = "bytes/s"
PERCENT = "percent"
SECONDS = "s"


def human_size(number: int) -> str:
    """Return 1.5K for 1536: binary multiples, as zfs(8) prints them."""
    value = float(number)
    for unit in ("B", "K", "M", "G", "T", "P"):
        if value < 1024 or unit == "P":
            return f"{value:.0f}{unit}" if unit == "B" or value >= 100 else f"{value:.3g}{unit}"
        value /= 1024
    raise AssertionError("unreachable")


def both_sizes(number: int) -> str:
    """Return 1.5K (1536 bytes): for what is lost or freed."""
    return f"{human_size(number)} ({number} bytes)"
