"""keys.yaml: the keys that an administrator or a user has changed, by action."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from textual.keys import Keys

from bsdvirt.host.beneath import read_regular
from bsdvirt.spec.base import did_you_mean
from bsdvirt.tui.actions.here import GROUPS
from bsdvirt.tui.actions.keys import Keymap, full_key, shown_key
from bsdvirt.tui.actions.places import clash
from bsdvirt.tui.actions.table import ACTIONS, BY_ID
from bsdvirt.tui.settings import LIMIT, config_directory

if TYPE_CHECKING:
    from yaml import Node

OF_HOST = Path("/usr/local/etc/bsdvirt/keys.yaml")
MOVING = frozenset({"up", "down", "j", "k", "home", "end", "g", "G", "pageup", "pagedown", "tab"})
"""Keys that the tables use themselves."""
NAMED = frozenset(str(key.value) for key in Keys)
MODIFIED = re.compile(r"(?:(?:ctrl|alt|shift|super)\+)+(\w+)")


@dataclass(slots=True)
class ReadKeys:
    """What the files say, and what is wrong with them."""

    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    """By action: the file and line."""
    problems: list[str] = field(default_factory=list)

    def refuse(self, action: str, why: str) -> None:
        """Leave an action with its own keys."""
        self.problems.append(f"{self.places[action]}: {action}: {why}; it keeps its own key")
        del self.keys[action]


def paths(environ: Mapping[str, str]) -> list[Path]:
    """Return the files, the later ones winning."""
    return [OF_HOST, config_directory(environ) / "keys.yaml"]


def read_keys(files: Sequence[Path]) -> ReadKeys:
    """Read the files that there are. What is wrong in them leaves the keys of the table."""
    found = ReadKeys()
    for path in files:
        _read(path, found)
    _without_clashes(found)
    return found


def _read(path: Path, found: ReadKeys) -> None:
    import yaml

    try:
        text = read_regular(path, LIMIT).decode()
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        return
    except (OSError, ValueError, yaml.YAMLError) as error:
        found.problems.append(f"{path}: {' '.join(str(error).split())}; it is not used")
        return
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        found.problems.append(f"{path}: not a list of ACTION: KEY; it is not used")
        return
    for name, value in node.value:
        _entry(f"{path}:{name.start_mark.line + 1}", str(name.value), value, found)


def _entry(place: str, action: str, value: Node, found: ReadKeys) -> None:
    """Take in one line."""
    import yaml

    if action not in BY_ID:
        hint = did_you_mean(action, BY_ID) or "bsdvirt tui --print-keys lists them"
        found.problems.append(f"{place}: no action {action} ({hint})")
        return
    nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
    if not all(isinstance(one, yaml.ScalarNode) for one in nodes):
        found.problems.append(f"{place}: {action}: not a key, nor a list of keys")
        return
    words = ["" if one.tag == "tag:yaml.org,2002:null" else str(one.value).strip() for one in nodes]
    keys = tuple(full_key(word) for word in words if word)
    for key, word in zip(keys, (word for word in words if word), strict=True):
        if why := _why_no_key(key):
            found.problems.append(f"{place}: {action}: {word}: {why}; it keeps its own key")
            return
    found.keys[action] = keys
    found.places[action] = place


def _why_no_key(key: str) -> str:
    """Return why a key cannot be used; "" if it can."""
    if key in MOVING:
        return "it moves the cursor"
    base = key
    if modified := MODIFIED.fullmatch(key):
        base = modified[1]
    if base in NAMED or key in NAMED or len(base) == 1 or shown_key(base) != base:
        return ""
    return "no such key (such as x, X, ctrl+x, f5, space, enter)"


def _without_clashes(found: ReadKeys) -> None:
    """Give up changes that would make a key ambiguous, until none is."""
    while (pair := next(_clashes(found.keys), None)) is not None:
        one, other, key = pair
        # A change gives way to what is not changed, the later change to the earlier.
        loser, winner = (other, one) if other in found.keys else (one, other)
        found.refuse(loser, f"{shown_key(key)} is the key of {winner}")


def _clashes(changed: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, str]]:
    keymap = Keymap(changed)
    for one, other in itertools.combinations(ACTIONS, 2):
        both = set(keymap.keys_of(one)) & set(keymap.keys_of(other))
        if both and (one.id in changed or other.id in changed) and clash(one, other):
            yield one.id, other.id, min(both)


def sample() -> str:
    """Return a keys.yaml with all actions and their keys, commented out."""
    lines = [
        "# Keys of bsdvirt tui. Each line is ACTION: KEY, or ACTION: [KEY, KEY]; ACTION: '' for no",
        f"# key. {OF_HOST} is for all users, ~/.config/bsdvirt/keys.yaml for one.",
        "# A key is a character, or such as ctrl+x, f5, space, enter.",
    ]
    width = max(len(action.id) for action in ACTIONS) + 8
    for group, title in GROUPS.items():
        actions = [action for action in ACTIONS if action.group == group]
        if actions:
            lines += ["", f"# {title}"]
        for action in actions:
            lines.append(f"{f'#{action.id}: {_quoted(action.key)}':<{width}} # {action.help}")
    return "\n".join(lines) + "\n"


def _quoted(key: str) -> str:
    word = shown_key(key) if len(shown_key(key)) == 1 else key
    safe = word.isalpha() and word.lower() not in ("y", "n", "on", "off", "yes", "no")
    return word if safe else f"'{word}'"
