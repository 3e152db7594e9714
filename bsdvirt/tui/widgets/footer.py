"""The footer: the actions that can be done here now, with their keys."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from bsdvirt.tui.actions.action import Action, Subject
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.places import belongs
from bsdvirt.tui.actions.table import ACTIONS, BY_ID
from bsdvirt.tui.desk import desk_of

ALWAYS = ("help", "palette", "command", "quit")
"""At the right end, for as many as fit: how to find all others."""
FIRST = ("start", "stop", "console", "detail", "create", "form", "restart", "logs", "resume")
"""What people do most, in this order; the others in that of the table."""
LESS = ("devices", "host", "view", "UI")
"""Groups after the others."""


class ActionFooter(Static):
    """One line: what can be done to the selection first, then the rest of the place, and at the end
    how to find all others. What cannot be done now is dimmed, and comes last."""

    DEFAULT_CSS = "ActionFooter { height: 1; }"

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._of: tuple[str, Sequence[Subject]] = ("", ())

    def update_for(self, place: str, subjects: Sequence[Subject]) -> None:
        """Show the actions for these subjects in a view."""
        self._of = (place, subjects)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.size.width
        desk = desk_of(self)
        line = Text(" ", no_wrap=True)
        if desk.plans:
            line.append("plan first  ", desk.palette["warning"])
        end = Text(no_wrap=True)
        for action in (BY_ID[id] for id in ALWAYS):
            if end.cell_len < width // 5:
                self._add(end, action, "")
        for action, why in self._actions():
            if line.cell_len + self._width(action) + end.cell_len > width:
                break
            self._add(line, action, why)
        line.append(" " * max(0, width - line.cell_len - end.cell_len))
        self.update(line + end)

    def _actions(self) -> list[tuple[Action, str]]:
        """Return the actions of the place, the most useful first, each with why not now."""
        place, subjects = self._of
        desk = desk_of(self)
        kinds = {one.kind for one in subjects}
        found = [
            (action, desk.why_not(action, desk.subjects_for(action)))
            for action in ACTIONS
            if action.id not in ALWAYS
            and desk.keymap.keys_of(action)
            and belongs(action, place)
            and (not action.on or (bool(kinds) and kinds <= action.on))
        ]
        return sorted(found, key=lambda one: (one[0].group in LESS, bool(one[1]), _rank(one[0])))

    def _label(self, action: Action) -> tuple[str, str]:
        keys = desk_of(self).keymap.keys_of(action)
        return shown_key(keys[0]) if keys else "", f" {action.label}  "

    def _width(self, action: Action) -> int:
        return sum(map(cell_len, self._label(action)))

    def _add(self, line: Text, action: Action, why: str) -> None:
        palette = desk_of(self).palette
        key, label = self._label(action)
        if key:
            line.append(key, palette["dim" if why else "accent"])
            line.append(label, palette["dim" if why else "text"])


def _rank(action: Action) -> int:
    return FIRST.index(action.id) if action.id in FIRST else len(FIRST)
