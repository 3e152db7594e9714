"""The footer: the actions that can be done here now, with their keys."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.places import belongs
from bsdvirt.tui.actions.table import ACTIONS
from bsdvirt.tui.desk import desk_of


class ActionFooter(Static):
    """One line; what cannot be done now is dimmed."""

    DEFAULT_CSS = "ActionFooter { height: 1; }"

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def update_for(self, place: str, subjects: Sequence[Subject]) -> None:
        """Show the actions for these subjects in a view."""
        desk = desk_of(self)
        line = Text(" ", no_wrap=True)
        if desk.plans:
            line.append("plan first  ", desk.palette["warning"])
        kinds = {one.kind for one in subjects}
        for action in ACTIONS:
            keys = desk.keymap.keys_of(action)
            if not keys or not belongs(action, place) or (action.on and not kinds <= action.on):
                continue
            dim = bool(desk.why_not(action, desk.subjects_for(action)))
            line.append(shown_key(keys[0]), desk.palette["dim" if dim else "accent"])
            line.append(f" {action.label}  ", desk.palette["dim" if dim else "text"])
        self.update(line)
