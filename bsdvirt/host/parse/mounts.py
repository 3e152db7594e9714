"""mount(8): `mount -p`, which prints nearly as fstab(5) (captures/01-host).

13.2 writes blanks in names as they are, and pads the first two columns with tabs to 24
characters, or with one blank where they are as long (putfsent in mount.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WIDTH = 24
_LINE = re.compile(r"(?P<names>.+?)[ \t]+(?P<kind>[^ \t]+)\t(?P<options>[^ \t]+)[ \t]+\d+ \d+ *")


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    path: str
    kind: str


def parse(text: str) -> list[Mount]:
    """In the order in which they were mounted."""
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return [_mount(match["names"], match["kind"]) for match in matches if match]


def _mount(names: str, kind: str) -> Mount:
    source, tab, path = names.partition("\t")
    if not tab:
        cut = names.find(" /", WIDTH)
        source, path = (names[:cut], names[cut:]) if cut > 0 else names.split(" ", 1)
    return Mount(_plain(source), _plain(path.strip(" \t")), kind)


def _plain(word: str) -> str:
    """fstab's escapes for blanks (getfsent's strunvis), where they are written."""
    return word.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def beneath(mounts: list[Mount], root: str) -> list[str]:
    """The paths mounted below `root` (not root itself), deepest and latest first."""
    inside = [mount.path for mount in mounts if mount.path.startswith(root.rstrip("/") + "/")]
    return list(reversed(inside))
