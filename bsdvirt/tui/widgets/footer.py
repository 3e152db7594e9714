"""The footer: the actions that can be done here now, with their keys."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.table import ACTIONS
from bsdvirt.tui.desk import desk_of


class ActionFooter(Static):
    """One line; what cannot be done now is dimmed."""

    DEFAULT_CSS = "ActionFooter { height: 1; }"

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def update_for(self, subjects: Sequence[Subject]) -> None:
        """Show the actions for these subjects."""
        desk = desk_of(self)
        line = Text(" ", no_wrap=True)
        for action in ACTIONS:
            if not action.key or (action.on and not {s.kind for s in subjects} <= action.on):
                continue
            dim = bool(desk.why_not(action, subjects))
            line.append(shown_key(action.key), desk.palette["dim" if dim else "accent"])
            line.append(f" {action.label}  ", desk.palette["dim" if dim else "text"])
        self.update(line)
