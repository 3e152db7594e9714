"""mount(8): `mount --libxo json`.

Its lines (`mount -p`) cannot be read: a name may hold blanks, tabs and line feeds, and who
may mount in a jail chooses some. JSON keeps them apart: libxo escapes quotes, backslashes
and line feeds, and writes every other character as it is (xo_format_string_direct). mount(8)
writes names in the locale's characters (%hs in prmount): in the C locale that is each byte as
the character of that number, from which the very bytes come back.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

SIDES = ("<below>:", "<above>:")
"""Before the source of a unionfs(4), as it shows itself."""


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    path: str
    kind: str


def parse(text: str) -> list[Mount]:
    """In the order in which they were mounted."""
    listed = json.loads(text, strict=False)["mount"]["mounted"]
    return [
        Mount(_name(entry["special"]), _name(entry["node"]), str(entry["fstype"]))
        for entry in listed
    ]


def _name(told: str) -> str:
    """The name whose bytes these characters stand for."""
    for side in SIDES:
        told = told.removeprefix(side)
    try:
        return os.fsdecode(told.encode("latin-1"))
    except UnicodeEncodeError:
        return told


def beneath(mounts: list[Mount], root: str) -> list[str]:
    """The paths mounted below `root` (not root itself), deepest and latest first."""
    inside = [mount.path for mount in mounts if mount.path.startswith(root.rstrip("/") + "/")]
    return list(reversed(inside))
