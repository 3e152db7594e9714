"""What a real FreeBSD printed: the captures, command by command."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CAPTURES = Path(__file__).resolve().parents[2] / "data" / "captures"
RELEASES = ("13.2", "15.1")


@cache
def _blocks(release: str, file: str) -> tuple[tuple[str, str], ...]:
    blocks: list[tuple[str, list[str]]] = []
    for line in (CAPTURES / f"freebsd-{release}" / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("$ "):
            blocks.append((line[2:], []))
        elif blocks and not line.startswith(("[rc ", "2> ")):
            blocks[-1][1].append(line)
    return tuple((command, "\n".join(lines).rstrip("\n") + "\n") for command, lines in blocks)


def said(file: str, command: str, release: str = "13.2") -> str:
    """The standard output of the first such command in a capture file of a release."""
    return next(text for shown, text in _blocks(release, file) if shown == command)
