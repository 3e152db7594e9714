"""What a real FreeBSD printed: tests/data/captures, command by command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CAPTURES = Path(__file__).resolve().parents[1] / "data" / "captures"
RELEASES = ("13.2", "15.1")


@dataclass(frozen=True)
class Entry:
    """A captured command, its status and output."""

    command: str
    status: int
    stdout: str
    stderr: str
    number: int = 1
    """Which occurrence of the command it is in its file."""


@cache
def read(release: str, file: str) -> tuple[Entry, ...]:
    """Return the commands of a capture file, in order."""
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    lines = (CAPTURES / f"freebsd-{release}" / file).read_text(encoding="utf-8").split("\n")
    at = 0
    while at < len(lines):
        if not lines[at].startswith("$ "):
            at += 1
            continue
        command = lines[at][2:]
        match = re.fullmatch(r"\[rc (\d+)\]", lines[at + 1])
        assert match, f"{file}: {command}: no status"
        at += 2
        body: list[str] = []
        while at < len(lines) and not (
            lines[at].startswith("$ ") and re.match(r"\[rc \d+\]", lines[at + 1])
        ):
            body.append(lines[at])
            at += 1
        # A blank line (or two) parts one command from the next.
        while body and not body[-1]:
            body.pop()
        seen[command] = seen.get(command, 0) + 1
        entries.append(
            Entry(
                command,
                int(match[1]),
                "".join(line + "\n" for line in body if not line.startswith("2> ")),
                "".join(line[3:] + "\n" for line in body if line.startswith("2> ")),
                seen[command],
            )
        )
    return tuple(entries)


def said(file: str, command: str, release: str = "13.2") -> str:
    """Return the standard output of the first such command in a capture file."""
    return next(entry.stdout for entry in read(release, file) if entry.command == command)
