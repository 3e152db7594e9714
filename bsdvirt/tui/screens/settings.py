"""The settings: enter changes the one under the cursor, and it is kept at once."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.settings import config_directory
from bsdvirt.tui.widgets.choices import Choice, Choices
from bsdvirt.tui.widgets.terminal import theme_for

VALUES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "theme": ("Theme", ("", "dark", "light", "16", "none")),
    "interval": ("Seconds between readings", (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)),
    "plans": ("Plans before they run", ("asked", "always")),
}
"""By setting: its label, and its values in turn."""
SHOWN: dict[Any, str] = {"": "chosen by the terminal", "asked": "when asked for, by p",
                         "16": "16 colours", "none": "no colours"}  # fmt: skip


class SettingsScreen(ModalScreen[None]):
    """A list of settings with their values."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", show=False),
        Binding("space,right", "next(1)", show=False),
        Binding("left", "next(-1)", show=False),
    ]
    DEFAULT_CSS = """
    SettingsScreen { background: transparent; align: center middle; }
    SettingsScreen > Vertical { width: 76; height: auto; border: solid $border; }
    SettingsScreen Choices { height: 4; }
    SettingsScreen Static { width: 100%; height: auto; padding: 0 1; }
    """

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Settings", markup=False)
            yield Choices()
            yield Static("", id="where", markup=False)

    def on_mount(self) -> None:
        place = config_directory(os.environ) / "tui.yaml"
        self.query_one("#where", Static).update(
            f"enter changes a setting; esc closes\nkept in {place}"
        )
        self._show()
        self.query_one(Choices).focus()

    def _show(self) -> None:
        settings = desk_of(self).settings
        choices = self.query_one(Choices)
        place = choices.cursor
        choices.show([self._choice(name, getattr(settings, name)) for name in VALUES])
        choices.move_to(place)

    def _choice(self, name: str, value: Any) -> Choice:
        label = VALUES[name][0]
        return Choice(label, SHOWN.get(value, f"{value:g}" if name == "interval" else str(value)),
                      act=lambda: self._turn(name, 1))  # fmt: skip

    def action_next(self, by: int) -> None:
        self._turn(list(VALUES)[self.query_one(Choices).cursor], by)

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        if event.choice.act is not None:
            event.choice.act()

    def _turn(self, name: str, by: int) -> None:
        """Take the next value of a setting, and keep it."""
        desk = desk_of(self)
        values = VALUES[name][1]
        now = getattr(desk.settings, name)
        value = values[(values.index(now) + by) % len(values)] if now in values else values[0]
        desk.save_settings(msgspec.structs.replace(desk.settings, **{name: value}))
        if name == "theme":
            desk.use_theme(value or theme_for(os.environ))
        self._show()
