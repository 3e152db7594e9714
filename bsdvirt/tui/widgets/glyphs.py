"""The characters that the UI draws with: UTF-8, or ASCII where the locale has no other."""

from __future__ import annotations

import codecs
import locale
import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Characters by what they mean."""

    bars: str
    """From empty to full."""
    up: str
    down: str
    mark: str
    ellipsis: str
    bullet: str
    closed: str
    """Before a row that can be opened."""
    opened: str
    utf8: bool
    """Whether the locale can show more than ASCII."""


UTF8 = Glyphs(" ▁▂▃▄▅▆▇█", "▲", "▼", "●", "…", "•", "▸", "▾", True)
ASCII = Glyphs(" .:-=+*#@", "^", "v", "*", "~", "*", "+", "-", False)


def glyphs() -> Glyphs:
    """Return the characters that the locale can show."""
    if sys.flags.utf8_mode and os.environ.get("PYTHONUTF8") != "1":
        # Python found the C locale, and has set LC_CTYPE to a UTF-8 one since.
        return ASCII
    try:
        name = codecs.lookup(locale.nl_langinfo(locale.CODESET)).name
    except LookupError:
        return ASCII
    return UTF8 if name == "utf-8" else ASCII
