"""The snapshots that words of the command line stand for: GUEST@SNAPSHOT, where both may be
patterns. They are matched here, never by a shell."""

from __future__ import annotations

from collections.abc import Iterable

from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.guest.select import select
from bsdvirt.guest.snapshots.sets import is_pattern, matching
from bsdvirt.ops.snapshots.read import read_snapshots
from bsdvirt.session.session import Session

Target = tuple[str, str]
"""A guest and the name of one of its snapshots, or a pattern of such names."""


def target(word: str) -> Target:
    """Split GUEST@SNAPSHOT. Raises UsageError."""
    guest, at, name = word.partition("@")
    if not (guest and at and name):
        raise UsageError(f"{word}: not GUEST@SNAPSHOT", "such as web@before-upgrade")
    return guest, name


def targets(session: Session, words: Iterable[str]) -> tuple[Target, ...]:
    """Return what the words stand for. Of a pattern of guests, those are meant that have a snapshot
    which fits. Raises UsageError, and NotFoundError for a pattern that fits nothing."""
    found: list[Target] = []
    for word in words:
        guest, name = target(word)
        found += _fitting(session, guest, name, word) if is_pattern(guest) else [(guest, name)]
    return tuple(dict.fromkeys(found))


def _fitting(session: Session, pattern: str, name: str, word: str) -> list[Target]:
    found = session.inventory()
    names = select([pattern], found, lambda name: "", every=False)
    every = read_snapshots(session, [found.guests[one] for one in names])
    fitting = [(one, name) for one in names if matching(every[one], name)]
    if not fitting:
        raise NotFoundError(f"{word} matches no snapshot taken by bsdvirt", "bsdvirt snapshot ls")
    return fitting
