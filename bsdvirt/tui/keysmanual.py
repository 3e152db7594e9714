"""Generate the section on the keys of the UI in bsdvirt(8), from the table of actions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from bsdvirt.tui.actions.action import Action
from bsdvirt.tui.actions.here import GROUPS
from bsdvirt.tui.actions.keys import shown_key
from bsdvirt.tui.actions.table import ACTIONS

BEGIN = '.\\" The keys, from bsdvirt/tui: python3 -m bsdvirt.tui.keysmanual FILE'
END = '.\\" The end of the keys'
COLUMNS = 72
INTRODUCTION = """\
.Sh KEYS OF THE TERMINAL UI
These are the keys of the actions that have one, unless a file of keys changes
them; see
.Cm tui .
What a key does depends on what is selected.
Arrow keys,
.Ic j , k , g , G
and the page keys move the cursor."""


def section() -> str:
    """Return the section, between the marks."""
    lines = [BEGIN, INTRODUCTION]
    for group, title in GROUPS.items():
        actions = [action for action in ACTIONS if action.group == group and action.key]
        if actions:
            lines += [f".Ss {title}", '.Bl -tag -width "escape" -compact']
            lines += [line for action in actions for line in _entry(action)]
            lines.append(".El")
    return "\n".join([*lines, END])


def _entry(action: Action) -> Iterator[str]:
    key = shown_key(action.key)
    # mdoc takes punctuation for a delimiter, and a backslash for the beginning of an escape.
    yield f".It Ic {key if key.isalnum() else _plain(key)}"
    for line in textwrap.wrap(action.help, COLUMNS):
        plain = line.replace("\\", "\\e")
        yield f"\\&{plain}" if plain.startswith((".", "'")) else plain


def _plain(key: str) -> str:
    return "\\&" + key.replace("\\", "\\e").replace('"', "\\(dq").replace("^", "\\(ha")


def rewritten(text: str) -> str:
    """Return the text of the page with a new section."""
    head, _, rest = text.partition(BEGIN)
    return head + section() + rest.partition(END)[2]


if __name__ == "__main__":
    import sys
    from pathlib import Path

    for path in map(Path, sys.argv[1:]):
        path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
