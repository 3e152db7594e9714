"""JSON as libxo writes it (xo_format_string_direct in libxo.c)."""

from __future__ import annotations

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})
"""The characters it escapes: tabs and other control characters stay as they are."""


def quoted(text: str) -> str:
    """Return a JSON string."""
    return f'"{text.translate(_ESCAPES)}"'
