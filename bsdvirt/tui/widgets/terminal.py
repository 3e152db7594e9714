"""What the terminal can show: colours, and characters. Everything that is drawn, Textual's own
widgets too, passes through these filters last."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color, ColorSystem, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Background
from textual.filter import LineFilter

FEW = 8
MANY = 256
BY_NAME: tuple[tuple[tuple[str, ...], int], ...] = (
    (("256color", "direct", "kitty", "alacritty", "ghostty"), MANY),
    (("-mono", "vt100", "vt220", "dumb"), 0),
    (("xterm", "screen", "tmux", "rxvt", "cons25", "teken", "linux", "16color"), FEW),
)
"""Colours of terminals by what their names contain; the first that fits counts."""
LIGHT_BACKGROUNDS = ("7", "15")
"""The last number of COLORFGBG, on terminals that set it."""


def colours(environ: Mapping[str, str]) -> int:
    """Return how many colours the terminal has: by its name, or by its entry in terminfo."""
    term = environ.get("TERM", "")
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return 1 << 24
    for words, number in BY_NAME:
        if any(word in term for word in words):
            return number
    try:
        import curses

        with open(os.devnull, "wb") as nothing:
            curses.setupterm(term or "dumb", nothing.fileno())
        return max(0, curses.tigetnum("colors"))
    except Exception:
        # No module curses, or no such entry.
        return 0


def theme_for(environ: Mapping[str, str]) -> str:
    """Return the theme for a terminal: dark, light, 16 or none."""
    if environ.get("NO_COLOR"):
        return "none"
    number = colours(environ)
    if number < FEW:
        return "none"
    if number < MANY:
        return "16"
    last = environ.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if last in LIGHT_BACKGROUNDS else "dark"


class SixteenColours(LineFilter):
    """Uses the terminal's own 16 colours only; its background and its text stay its own."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        return [
            Segment(text, _sixteen(style) if style else None, control)
            for text, style, control in segments
        ]


class NoColours(LineFilter):
    """Uses no colour; bright backgrounds are shown in reverse."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        return [
            Segment(text, _plain(style) if style else None, control)
            for text, style, control in segments
        ]


class AsciiOnly(LineFilter):
    """Uses ASCII only, for terminals and locales that have nothing else."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        return [
            Segment(text if text.isascii() else _ascii(text), style, control)
            for text, style, control in segments
        ]


# ---- colours ----

DEFAULT = Color.default()
DARKEST = 0x50
BRIGHT = 0x90


@lru_cache(4096)
def _sixteen(style: Style) -> Style:
    back = None if style.bgcolor is None else _nearest(style.bgcolor, is_text=False)
    fore = None if style.color is None else _nearest(style.color, is_text=True)
    if back is not None and not back.is_default and fore is not None and fore.is_default:
        # On a colour, the terminal's own text may be unreadable.
        fore = Color.parse("black" if back.number in (7, 15, 11, 14) else "bright_white")
    return _attributes(style, reverse=bool(style.reverse)) + Style.from_color(fore, back)


def _nearest(color: Color, *, is_text: bool) -> Color:
    if color.type in (ColorType.DEFAULT, ColorType.STANDARD):
        return color
    red, green, blue = color.get_truecolor()
    if max(red, green, blue) - min(red, green, blue) < 0x28:
        # A grey: the terminal's own background or text.
        if not is_text:
            return DEFAULT if red < BRIGHT else Color.parse("white")
        if red < DARKEST:
            return Color.parse("black")
        return DEFAULT if red >= BRIGHT else Color.parse("bright_black")
    return color.downgrade(ColorSystem.STANDARD)


@lru_cache(4096)
def _plain(style: Style) -> Style:
    bright = style.bgcolor is not None and _is_bright(style.bgcolor)
    return _attributes(style, reverse=bool(style.reverse) != bright)


def _is_bright(color: Color) -> bool:
    if color.type is ColorType.DEFAULT:
        return False
    red, green, blue = color.get_truecolor()
    return 0.3 * red + 0.6 * green + 0.1 * blue >= BRIGHT


def _attributes(style: Style, *, reverse: bool) -> Style:
    """Return the attributes that all terminals have."""
    return Style(
        bold=style.bold,
        underline=style.underline,
        reverse=reverse or None,
        meta=style.meta or None,
    )


# ---- characters ----

_REPLACED = {
    "─━═╌┄┈╴╶╸╺▔▁": "-",
    "│┃║╎┆┊╵╷╹╻▏▎▍▌▐▕▊▋▉": "|",
    "┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬▛▜▙▟▗▖▝▘": "+",
    "█▆▇▅▄▀■▪◼": "#",
    "▂▃": ".",
    "░▒▓": ":",
    "…": "~",
    "•●◉⬤·✓✔": "*",
    "○◯□": "o",
    "✗✘✕×": "x",
    "▲△▴↑": "^",
    "▼▽▾↓": "v",
    "▶▷▸→❯›»⏵": ">",
    "◀◁◂←❮‹«⏴": "<",
    "‘’": "'",
    "“”": '"',
    "–—−": "-",
    "\u00a0": " ",
}
_ASCII = {ord(char): new for chars, new in _REPLACED.items() for char in chars}


@lru_cache(4096)
def _ascii(text: str) -> str:
    """Return a text in ASCII, as wide as it was."""
    text = text.translate(_ASCII)
    if text.isascii():
        return text
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in text)
