"""Textual's own widgets in the themes of widgets/styles.py."""

from __future__ import annotations

from textual.theme import Theme

PREFIX = "bsdvirt-"
CURSORS = {
    "block-cursor-background": "#ffffff", "block-cursor-foreground": "#000000",
    "block-cursor-blurred-background": "#000000", "block-cursor-blurred-foreground": "#ffffff",
    "block-hover-background": "#000000", "border": "#ffffff", "border-blurred": "#c8c8c8",
    "input-cursor-background": "#ffffff", "input-cursor-foreground": "#000000",
    "input-selection-background": "#ffffff", "scrollbar": "#ffffff",
    "scrollbar-hover": "#ffffff", "scrollbar-active": "#ffffff",
    "scrollbar-background": "#000000", "scrollbar-background-hover": "#000000",
    "scrollbar-background-active": "#000000", "scrollbar-corner-color": "#000000",
}  # fmt: skip
BLUE = {name: value.replace("#ffffff", "#0000aa") for name, value in CURSORS.items()} | {
    "block-cursor-foreground": "#ffffff", "block-cursor-blurred-foreground": "#00aaaa",
    "border": "#00aaaa", "input-cursor-background": "#aaaaaa",
}  # fmt: skip

THEMES: dict[str, Theme] = {
    "dark": Theme(
        PREFIX + "dark", primary="#2b5d8c", secondary="#26303c", accent="#6cb2eb",
        warning="#e5c07b", error="#e8747c", success="#8fc98b", foreground="#d8dee9",
        background="#12161c", surface="#12161c", panel="#1d242e", boost="#1d242e",
        variables={
            "block-cursor-background": "#2b5d8c", "block-cursor-foreground": "#ffffff",
            "border": "#6cb2eb", "border-blurred": "#3a4656", "scrollbar": "#3a4656",
            "scrollbar-background": "#12161c",
        },
    ),
    "light": Theme(
        PREFIX + "light", primary="#2b6cb0", secondary="#d5dee8", accent="#1f5fa0",
        warning="#8a5800", error="#a81e2a", success="#22692a", foreground="#1d232b",
        background="#fafafa", surface="#fafafa", panel="#dfe6ee", boost="#dfe6ee", dark=False,
        variables={
            "block-cursor-background": "#2b6cb0", "block-cursor-foreground": "#ffffff",
            "border": "#1f5fa0", "border-blurred": "#b9c4d0", "scrollbar": "#b9c4d0",
            "scrollbar-background": "#fafafa",
        },
    ),
    "16": Theme(
        PREFIX + "16", primary="#0000aa", secondary="#00aaaa", accent="#00aaaa",
        warning="#aaaa00", error="#aa0000", success="#00aa00", foreground="#c8c8c8",
        background="#000000", surface="#000000", panel="#000000", boost="#000000",
        variables=BLUE,
    ),
    # Widgets drawn in these are shown without colours: see widgets/terminal.py.
    "none": Theme(
        PREFIX + "none", primary="#ffffff", secondary="#ffffff", accent="#ffffff",
        warning="#ffffff", error="#ffffff", success="#ffffff", foreground="#c8c8c8",
        background="#000000", surface="#000000", panel="#000000", boost="#000000",
        variables=CURSORS,
    ),
}  # fmt: skip
