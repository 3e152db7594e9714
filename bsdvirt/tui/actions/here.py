"""The actions of a place: what can be done there, and why not now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bsdvirt.tui.actions.action import Action, Subject
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.places import belongs
from bsdvirt.tui.actions.table import ACTIONS
from bsdvirt.tui.desk import Desk

GROUPS = {
    "power": "Power", "inside": "Inside the guest", "guest": "Guest", "detail": "Detail",
    "devices": "Devices", "new": "New", "network": "Network", "release": "Release",
    "image": "Image", "media": "Medium", "pool": "Pool", "task": "Task", "host": "Host",
    "view": "View", "UI": "UI",
}  # fmt: skip
"""Headings of the groups, in their order."""


@dataclass(frozen=True, slots=True)
class Here:
    """An action as it is offered in a place."""

    action: Action
    keys: str
    """Its keys, as they are printed."""
    why_not: str
    """Why it cannot be done now; "" if it can."""


def actions_here(desk: Desk) -> list[Here]:
    """Return the actions of the view that is visible, by group: those for kinds of subjects that it
    does not show are left out."""
    found = [one for one in ACTIONS if belongs(one, desk.place)]
    order = list(GROUPS)
    found.sort(key=lambda one: order.index(one.group) if one.group in GROUPS else len(order))
    return [_here(desk, one) for one in found]


def _here(desk: Desk, action: Action) -> Here:
    keys = " ".join(shown_key(key) for key in desk.keymap.keys_of(action))
    return Here(action, keys, desk.why_not(action, desk.subjects_for(action)))


def fits_selection(action: Action, subjects: Sequence[Subject]) -> bool:
    """Return whether an action is for the kinds of what is selected."""
    return not action.on or ({one.kind for one in subjects} <= action.on and bool(subjects))


def by_group(actions: Sequence[Here]) -> Iterator[tuple[str, list[Here]]]:
    """Yield the actions by group, with its heading."""
    for group in dict.fromkeys(one.action.group for one in actions):
        yield GROUPS.get(group, group), [one for one in actions if one.action.group == group]


def likeness(typed: str, text: str) -> int | None:
    """Return how well a text fits what was typed, less for better; None if it does not. The letters
    have to be there in their order."""
    typed, text = typed.strip().casefold(), text.casefold()
    if (at := text.find(typed)) >= 0:
        return at if at == 0 or not text[at - 1].isalnum() else 50 + at
    place, gaps = -1, 0
    for letter in typed.replace(" ", ""):
        found = text.find(letter, place + 1)
        if found < 0:
            return None
        gaps += found - place - 1
        place = found
    return 100 + gaps
