"""Styles by what they mean, for each theme."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style

DARK = {
    "text": "#d8dee9 on #12161c",
    "dim": "#7b8594",
    "heading": "bold #9fb4d0 on #1d242e",
    "cursor": "#ffffff on #2b5d8c",
    "cursor-away": "on #26303c",
    "mark": "bold #e5c07b",
    "flash": "reverse",
    "good": "#8fc98b",
    "warning": "#e5c07b",
    "bad": "bold #e8747c",
    "accent": "#6cb2eb",
    "guest0": "#7fc7e8",
    "guest1": "#d39be0",
    "guest2": "#b5d17a",
    "guest3": "#e8b06c",
    "guest4": "#9aa8f0",
    "guest5": "#e89ab0",
    "pinned": "bold",
}
LIGHT = {
    "text": "#1d232b on #fafafa",
    "dim": "#6a7380",
    "heading": "bold #26405e on #dfe6ee",
    "cursor": "#ffffff on #2b6cb0",
    "cursor-away": "on #d5dee8",
    "mark": "bold #9a5b00",
    "flash": "reverse",
    "good": "#22692a",
    "warning": "#8a5800",
    "bad": "bold #a81e2a",
    "accent": "#1f5fa0",
    "guest0": "#0b6a8a",
    "guest1": "#7d2f96",
    "guest2": "#4a6a10",
    "guest3": "#8a4a00",
    "guest4": "#3a3fb0",
    "guest5": "#a02050",
    "pinned": "bold",
}
SIXTEEN = {
    "text": "default on default",
    "dim": "bright_black",
    "heading": "bold cyan",
    "cursor": "white on blue",
    "cursor-away": "reverse",
    "mark": "bold yellow",
    "flash": "reverse",
    "good": "green",
    "warning": "yellow",
    "bad": "bold red",
    "accent": "cyan",
    "guest0": "cyan",
    "guest1": "magenta",
    "guest2": "blue",
    "guest3": "bright_cyan",
    "guest4": "bright_magenta",
    "guest5": "bright_blue",
    "pinned": "bold",
}
NONE = {
    "text": "default on default",
    "dim": "",
    "heading": "bold",
    "cursor": "reverse",
    "cursor-away": "underline",
    "mark": "bold",
    "flash": "bold reverse",
    "good": "",
    "warning": "",
    "bad": "bold",
    "accent": "bold",
    "guest0": "",
    "guest1": "",
    "guest2": "",
    "guest3": "",
    "guest4": "",
    "guest5": "",
    "pinned": "bold",
}
THEMES: Mapping[str, Mapping[str, str]] = {
    "dark": DARK, "light": LIGHT, "16": SIXTEEN, "none": NONE,
}  # fmt: skip
"""By name of the theme: each style as rich has it."""


def palette_of(theme: str) -> dict[str, Style]:
    """Return the styles of a theme, by name."""
    return {name: Style.parse(text) if text else Style() for name, text in THEMES[theme].items()}
