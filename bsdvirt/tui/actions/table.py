"""The table of all actions. Keys, footer, palette, help and menus are made from it."""

from __future__ import annotations

from bsdvirt.tui.actions import devices, guests, objects, parts, tasks, ui
from bsdvirt.tui.actions.action import Action

ACTIONS: tuple[Action, ...] = (
    *guests.ACTIONS, *devices.ACTIONS, *objects.ACTIONS, *parts.ACTIONS, *tasks.ACTIONS,
    *ui.ACTIONS,
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}
NOT_HERE = {
    "tui": "this is it",
    "uninit": "it ends the use of this host: run it in a shell",
    "report": "it is for a file, which a shell gives a name",
    "receive": "send runs it on the other host",
}
"""Verbs that are no action, each with the reason."""
