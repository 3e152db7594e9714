"""How an error is told: as a line on standard error, or as an event."""

from __future__ import annotations

import sys

from bsdvirt.errors import BsdvirtError

MOST_SHOWN = 300


def tell(error: BsdvirtError, code: int, subject: str = "") -> None:
    """Print an error, or send it as an event."""
    if (send := getattr(sys.stderr, "send_error", None)) is not None:
        send(error, code, subject)
        return
    line = one_line(error)
    named = not subject or subject in error.message.replace(":", " ").split()
    print(f"bsdvirt: {line}" if named else f"bsdvirt: {subject}: {line}", file=sys.stderr)


def one_line(error: BsdvirtError) -> str:
    """Return the error and its hint in one line."""
    return " ".join(map(_short, str(error).split()))


def _short(word: str) -> str:
    most = MOST_SHOWN * 4
    return word if len(word) <= most else f"{word[:MOST_SHOWN]}…({len(word)} characters)"
