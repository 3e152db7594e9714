"""Keys: as people read them, and what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bsdvirt.tui.actions.action import Action, Subject
from bsdvirt.tui.actions.places import belongs
from bsdvirt.tui.actions.table import ACTIONS

NAMES = {
    "number_sign": "#",
    "slash": "/", "question_mark": "?", "colon": ":", "space": "space", "enter": "enter",
    "escape": "esc", "left_square_bracket": "[", "right_square_bracket": "]", "minus": "-",
    "exclamation_mark": "!", "asterisk": "*", "plus": "+", "equals_sign": "=",
    "less_than_sign": "<", "greater_than_sign": ">", "full_stop": ".",
}  # fmt: skip


def shown_key(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    first = key.split(",")[0]
    if first.startswith("ctrl+"):
        return f"^{first.removeprefix('ctrl+')}"
    return NAMES.get(first, first)


class Keymap:
    """Which keys do what: those of the table, but for what the user has changed."""

    def __init__(self, changed: Mapping[str, Sequence[str]] | None = None) -> None:
        changed = changed or {}
        self._keys = {
            action.id: tuple(changed.get(action.id, (action.key,) if action.key else ()))
            for action in ACTIONS
        }

    @property
    def keys(self) -> list[str]:
        """Return all keys that do something."""
        return list(dict.fromkeys(key for keys in self._keys.values() for key in keys))

    def keys_of(self, action: Action) -> tuple[str, ...]:
        """Return the keys of an action."""
        return self._keys[action.id]

    def action(self, key: str, place: str, subjects: Sequence[Subject]) -> Action | None:
        """Return what a key does in a view, to these subjects."""
        here = [
            action for action in ACTIONS if key in self._keys[action.id] and belongs(action, place)
        ]
        kinds = {one.kind for one in subjects}
        fitting = (one for one in here if not one.on or kinds <= one.on)
        return next(fitting, here[0] if here else None)
