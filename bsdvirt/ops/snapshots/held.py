"""Who holds snapshots of guests."""

from __future__ import annotations

from collections.abc import Iterable

from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.host.sanitize import shown_line
from bsdvirt.session.reading import Reading
from bsdvirt.zfs.reclaim import read_holds, read_holds_of

MOST_TAG = 64
"""Characters of a tag that are shown."""
MOST_SHOWN = 5
"""Parts of a snapshot whose holders are named."""


def tags_of(session: Reading, snapshots: Iterable[Snapshot]) -> dict[str, list[str]]:
    """Return the tags of the holds of snapshots, by their full names: those of the guest's own
    dataset, which no jail can hold. One command at most."""
    mains = [one.full for one in snapshots if one.main is not None and one.main.holds]
    held = read_holds(session.host, mains)
    return {name: [_shown(tag) for tag in tags] for name, tags in held.items()}


def holders(session: Reading, snapshot: Snapshot) -> str:
    """Return who holds a snapshot, in words: the tags, and of which parts if not of all."""
    words: dict[str, list[str]] = {}
    for part in snapshot.held[:MOST_SHOWN]:
        for tag in read_holds_of(session.host, part.full)[:MOST_SHOWN]:
            words.setdefault(_shown(tag), []).append(part.full)
    more = len(snapshot.held) - MOST_SHOWN
    shown = [
        tag if len(parts) == len(snapshot.parts) else f"{tag} ({', '.join(parts)})"
        for tag, parts in words.items()
    ]
    return ", ".join(shown) + (f", and {more} more parts" if more > 0 else "")


def _shown(tag: str) -> str:
    text = shown_line(tag[:MOST_TAG])
    return text if len(tag) <= MOST_TAG else f"{text}…"
