"""What a real FreeBSD printed: the captures, command by command."""

from __future__ import annotations

from functools import cache
from pathlib import Path

CAPTURES = Path(__file__).resolve().parents[2] / "data" / "captures" / "freebsd-13.2"


@cache
def _blocks(file: str) -> tuple[tuple[str, str], ...]:
    blocks: list[tuple[str, list[str]]] = []
    for line in (CAPTURES / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("$ "):
            blocks.append((line[2:], []))
        elif blocks and not line.startswith(("[rc ", "2> ")):
            blocks[-1][1].append(line)
    return tuple((command, "\n".join(lines).rstrip("\n") + "\n") for command, lines in blocks)


def said(file: str, command: str) -> str:
    """The standard output of the first such command in a capture file."""
    return next(text for shown, text in _blocks(file) if shown == command)
