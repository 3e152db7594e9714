"""The user's settings of the UI."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, kw_only=True):
    """Kept in ~/.config/bsdvirt/tui.yaml."""

    theme: str = ""
    """dark, light, 16 or none; "" chooses by the terminal."""
    interval: float = 1.0
    """Seconds between readings."""
    plans: str = "asked"
    """When plans are shown before they run: `asked` (by p) or `always`."""
