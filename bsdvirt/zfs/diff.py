"""What changed in a file system since a snapshot, by zfs(8) (zfs-diff(8)).

It prints a character that is no printable ASCII, and a blank or a backslash, as \\0 and three octal
digits: so names that a guest chose cannot pass for other lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural

SECONDS = 3600.0
MOST_PATH = 4096
"""Characters of a path: PATH_MAX, and its escapes."""
CHANGES = {"+": "added", "-": "removed", "M": "modified", "R": "renamed"}
KINDS = {
    "F": "file", "/": "directory", "@": "link", "|": "pipe", "=": "socket",
    "B": "block device", "C": "character device",
}  # fmt: skip
_ESCAPE = re.compile(rb"\\0([0-3][0-7]{2})")
_LINKS = re.compile(r"\(([+-]\d{1,9})\)")


class Change(Struct, frozen=True):
    """A change of a file or directory."""

    change: str
    """added, removed, modified or renamed"""
    kind: str
    path: str
    to: str = ""
    """Its new path, if it was renamed."""
    links: int | None = None
    """By how much the number of its links changed, if it did."""
    changed: int = 0
    """When, in seconds since 1970."""


def read_changes(host: Host, snapshot: str, later: str) -> Iterator[Change]:
    """Yield what changed between a snapshot and a later one of the same file system, or the file
    system itself. Lines of another form are left out.

    Raises CommandError, such as for a file system that is not mounted.
    """
    argv = (tools.ZFS, "diff", "-FHt", snapshot, later)
    result = host.run(argv, changes=False, timeout=SECONDS).check()
    for line in result.stdout.split("\n"):
        if (change := parse(line)) is not None:
            yield change


def parse(line: str) -> Change | None:
    """Return the change that a line says; None for another line."""
    match line.split("\t"):
        case [time, change, kind, path, *rest] if change in CHANGES and len(rest) <= 1:
            links = _LINKS.fullmatch(rest[0]) if rest and change != "R" else None
            return Change(
                CHANGES[change],
                KINDS.get(kind, "other"),
                _plain(path),
                _plain(rest[0]) if rest and change == "R" else "",
                int(links[1]) if links else None,
                natural(time.strip().partition(".")[0]) or 0,
            )
    return None


def _plain(text: str) -> str:
    raw = _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), text[: MOST_PATH * 5].encode())
    return raw.decode("utf-8", "surrogateescape")[:MOST_PATH]
