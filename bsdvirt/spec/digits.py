"""Decimal numbers in untrusted text."""

from __future__ import annotations

DIGITS = 19
"""The digits of a signed 64-bit number."""


def natural(text: str) -> int | None:
    """Return the number in a text of 1 to 19 ASCII digits; None for anything else.
    (str.isdigit() accepts ², which int() refuses; int() accepts thousands of digits.)"""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= DIGITS else None
