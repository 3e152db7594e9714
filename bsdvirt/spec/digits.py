"""Numbers and names in untrusted text, checked without a library."""

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


MAX_ID = 2047
"""The highest id of a guest, limited by the kernel's unit numbers of interfaces (see layout.py)."""
MAX_NICS = 8
BOOT_ORDER = 100
"""The order at boot of a guest that has none of its own."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_OTHERS = _LETTERS | frozenset("0123456789_-")
_LONGEST = 32


def is_guest_name(word: str) -> bool:
    """Whether a word is a name as GuestName in types.py has it."""
    return word[:1] in _LETTERS and len(word) <= _LONGEST and _OTHERS.issuperset(word)


def uuid_of(data: bytes) -> str:
    """Return the UUID of version 4 with these 16 random bytes. Importing the standard library's
    uuid takes longer than making many."""
    number = int.from_bytes(data, "big") & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
