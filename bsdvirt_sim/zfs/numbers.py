"""Numbers as zfs(8) prints them for people (zfs_nicenum)."""

from __future__ import annotations

_UNITS = "BKMGTPE"


def nice_bytes(number: int) -> str:
    """Return a number of bytes in at most five characters."""
    index, rest = 0, number
    while rest >= 1024 and index < len(_UNITS) - 1:
        rest //= 1024
        index += 1
    unit = _UNITS[index]
    scale = 1024**index
    if index == 0 or number % scale == 0:
        return f"{number // scale}{unit}"
    for digits in (2, 1, 0):
        text = f"{number / scale:.{digits}f}{unit}"
        if len(text) <= 5:
            break
    return text
