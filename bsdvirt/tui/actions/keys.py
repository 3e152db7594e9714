"""Keys as people read them."""

from __future__ import annotations

NAMES = {
    "slash": "/", "question_mark": "?", "colon": ":", "space": "space", "enter": "enter",
    "escape": "esc", "left_square_bracket": "[", "right_square_bracket": "]", "minus": "-",
    "exclamation_mark": "!", "asterisk": "*", "plus": "+",
}  # fmt: skip


def shown_key(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    first = key.split(",")[0]
    if first.startswith("ctrl+"):
        return f"^{first.removeprefix('ctrl+')}"
    return NAMES.get(first, first)
