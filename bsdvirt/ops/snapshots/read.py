"""Read the snapshots of guests: two commands, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import UNSET, UnsetType

from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import Snapshot, snapshots_of
from bsdvirt.plan.conditions import OP_PROPERTY
from bsdvirt.rows.base import utc
from bsdvirt.rows.snapshot import SnapshotRow
from bsdvirt.session.reading import Reading
from bsdvirt.spec.snapshot import PROPERTY
from bsdvirt.zfs.reclaim import read_reclaim
from bsdvirt.zfs.snapshots import read_parts, read_values_of


def read_snapshots(session: Reading, guests: Iterable[Guest]) -> dict[str, list[Snapshot]]:
    """Return the snapshots of each guest, the oldest first. Raises CommandError, and NotFoundError
    for a guest that is destroyed meanwhile."""
    every = sorted(guests, key=lambda guest: guest.name)
    if not every:
        return {}
    parts = read_parts(session.host, [guest.dataset for guest in every])
    own = {part.dataset for part in parts} & {guest.dataset for guest in every}
    values = read_values_of(session.host, own, PROPERTY, OP_PROPERTY)
    return {guest.name: snapshots_of(guest, parts, values) for guest in every}


def read_one(session: Reading, guest: Guest) -> list[Snapshot]:
    """Return the snapshots of one guest, the oldest first."""
    return read_snapshots(session, [guest])[guest.name]


def reclaim(session: Reading, chosen: Sequence[Snapshot], every: Sequence[Snapshot]) -> int | None:
    """Return the bytes that the removal of some of a guest's snapshots frees together, `every` of
    which are given; None if they cannot be removed. One command, or, where a dataset has another
    snapshot of such a name, one for each dataset."""
    if not chosen:
        return 0
    names = [one.name for one in chosen]
    same = set(names)
    others = sum(one.name in same for one in every) - len(chosen)
    if not others and all(one.main is not None for one in chosen):
        return read_reclaim(session.host, chosen[0].dataset, names, recursive=True)
    by_dataset: dict[str, list[str]] = {}
    for part in (part for one in chosen for part in one.parts):
        by_dataset.setdefault(part.dataset, []).append(part.name)
    sizes = [read_reclaim(session.host, name, short) for name, short in by_dataset.items()]
    return None if None in sizes else sum(size or 0 for size in sizes)


def created(snapshot: Snapshot) -> str:
    """Return when a snapshot was taken, in UTC."""
    return utc(snapshot.created)


def row(
    snapshot: Snapshot, tags: Sequence[str] = (), frees: int | None | UnsetType = UNSET
) -> SnapshotRow:
    """Return the row of a snapshot."""
    stamp = snapshot.stamp
    return SnapshotRow(
        guest=snapshot.guest,
        name=snapshot.name,
        created=created(snapshot),
        used=snapshot.used,
        referenced=snapshot.referenced,
        by="bsdvirt" if stamp else "other",
        why=stamp.why if stamp else "",
        running=stamp.running if stamp else None,
        note=stamp.note if stamp else "",
        whole=snapshot.main is not None and not snapshot.missing,
        frees=frees,
        holds=snapshot.holds,
        tags=list(tags),
        clones=list(snapshot.clones),
        datasets=[part.dataset for part in snapshot.parts],
        missing=list(snapshot.missing),
    )
