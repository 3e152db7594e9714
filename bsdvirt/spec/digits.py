"""Decimal numbers in untrusted text."""

from __future__ import annotations

DIGITS = 20
MOST = 2**64 - 1
"""The largest unsigned 64-bit number: the guids of ZFS are random ones."""


def natural(text: str) -> int | None:
    """Return the number of at most 64 bits in a text of ASCII digits; None for anything else.
    (str.isdigit() accepts ², which int() refuses; int() accepts thousands of digits.)"""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        return None
    return number if (number := int(text)) <= MOST else None
