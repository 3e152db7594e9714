"""Keys: as people read them, and what they do."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Mapping, Sequence

from bsdvirt.tui.actions.action import Action, Subject
from bsdvirt.tui.actions.places import belongs
from bsdvirt.tui.actions.table import ACTIONS

OWN_NAMES = {
    "-": "minus",
    "+": "plus",
    "/": "slash",
    "\\": "backslash",
    "@": "at",
    "_": "underscore",
}
"""Characters that Textual does not call by their names in Unicode."""


def _name(char: str) -> str:
    name = unicodedata.name(char).lower().replace(" ", "_").replace("-", "_")
    return OWN_NAMES.get(char, name)


NAMES = {char: _name(char) for char in string.punctuation} | {"esc": "escape", " ": "space"}
"""Names of keys as Textual has them, by what is printed on a keyboard."""
SHOWN = {name: char for char, name in NAMES.items() if char != " "}
MODIFIERS = ("ctrl+", "alt+", "shift+")


def shown_key(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    if key.startswith("ctrl+"):
        return f"^{shown_key(key.removeprefix('ctrl+'))}"
    return SHOWN.get(key, key)


def full_key(word: str) -> str:
    """Return a key as Textual calls it, for one as people write it."""
    if len(word) > 1 and word.startswith("^"):
        return f"ctrl+{word[1:].lower()}"
    return NAMES.get(word, word.lower() if word.lower().startswith(MODIFIERS) else word)


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
