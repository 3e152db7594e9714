"""mount(8): `mount -p`, which prints as fstab(5) (captures/01-host)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mount:
    source: str
    path: str
    kind: str


def parse(text: str) -> list[Mount]:
    """In the order in which they were mounted."""
    lines = (line.split() for line in text.splitlines())
    return [Mount(_plain(w[0]), _plain(w[1]), w[2]) for w in lines if len(w) >= 3]


def _plain(word: str) -> str:
    """fstab's escapes for blanks (getfsent's strunvis)."""
    return word.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def beneath(mounts: list[Mount], root: str) -> list[str]:
    """The paths mounted below `root` (not root itself), deepest and latest first."""
    inside = [mount.path for mount in mounts if mount.path.startswith(root.rstrip("/") + "/")]
    return list(reversed(inside))
