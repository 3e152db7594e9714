"""Merge three versions of a text, as diff3(1) and merge(1) do. Pure.

The guest's version may be hostile: the work is bounded by the number of equal lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

Lines = Sequence[bytes]
LONGEST = 1 << 20
"""Bytes of a text that is merged."""
MOST_PAIRS = 100_000
"""Pairs of equal lines of two versions; more would take too long."""


class Merged(Struct, frozen=True):
    """The result of a merge."""

    text: bytes
    conflicts: tuple[int, ...] = ()
    """Lines of the guest's version, from 1, at which both have changed the same place."""


def merge_text(base: bytes, mine: bytes, theirs: bytes) -> Merged | None:
    """Merge the changes of `theirs` to `base` into `mine`; None for what is no text, or too much to
    compare. With conflicts, the text has the lines of `mine` there."""
    if not all(_is_text(one) for one in (base, mine, theirs)):
        return None
    old, own, new = (one.splitlines(keepends=True) for one in (base, mine, theirs))
    if _pairs(old, own) > MOST_PAIRS or _pairs(old, new) > MOST_PAIRS:
        return None
    merged: list[bytes] = []
    conflicts: list[int] = []
    for before, ours, other, line in _chunks(old, own, new):
        if ours == other or other == before:
            merged += ours
        elif ours == before:
            merged += other
        else:
            merged += ours
            conflicts.append(line + 1)
    return Merged(b"".join(merged), tuple(conflicts))


def _is_text(content: bytes) -> bool:
    return len(content) <= LONGEST and b"\0" not in content


def _pairs(first: Lines, second: Lines) -> int:
    counts = Counter(second)
    return sum(number * counts[line] for line, number in Counter(first).items())


def _chunks(old: Lines, own: Lines, new: Lines) -> Iterator[tuple[Lines, Lines, Lines, int]]:
    """Yield the three versions of each stretch, in order, and where it begins in `own`: between
    stretches that are the same in all three, and those themselves."""
    at_old = at_own = at_new = 0
    for start, mine, theirs, length in (*_common(old, own, new), (len(old), len(own), len(new), 0)):
        changed = (old[at_old:start], own[at_own:mine], new[at_new:theirs])
        if any(changed):
            yield (*changed, at_own)
        same = old[start : start + length]
        if same:
            yield same, same, same, mine
        at_old, at_own, at_new = start + length, mine + length, theirs + length


def _common(old: Lines, own: Lines, new: Lines) -> Iterator[tuple[int, int, int, int]]:
    """Yield the stretches that are the same in all three: where they begin in each, and their
    length."""
    first, second = _matches(old, own), _matches(old, new)
    one = two = 0
    while one < len(first) and two < len(second):
        at, mine, length = first[one]
        other, theirs, size = second[two]
        start, end = max(at, other), min(at + length, other + size)
        if start < end:
            yield start, mine + start - at, theirs + start - other, end - start
        if at + length < other + size:
            one += 1
        else:
            two += 1


def _matches(old: Lines, other: Lines) -> list[tuple[int, int, int]]:
    # Imported here: every command imports the module that plans are run by.
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, old, other, autojunk=False)
    return [(m.a, m.b, m.size) for m in matcher.get_matching_blocks() if m.size]
