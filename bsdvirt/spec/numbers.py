"""Numbers in text that others wrote."""

from __future__ import annotations

DIGITS = 19
"""As many as a number of 64 bits has."""


def natural(text: str) -> int | None:
    """A number of ASCII digits alone, of 19 at most; None for anything else. (str.isdigit() takes
    ² and int() refuses it; int() takes thousands of digits, or refuses them.)"""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None
