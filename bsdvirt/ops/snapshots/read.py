"""Read the snapshots of guests: two commands, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import Snapshot, snapshots_of
from bsdvirt.plan.conditions import OP_PROPERTY
from bsdvirt.rows.snapshot import SnapshotRow
from bsdvirt.session.reading import Reading
from bsdvirt.spec.snapshot import PROPERTY
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


def row(snapshot: Snapshot) -> SnapshotRow:
    """Return the row of a snapshot."""
    stamp = snapshot.stamp
    return SnapshotRow(
        guest=snapshot.guest,
        name=snapshot.name,
        created=datetime.fromtimestamp(snapshot.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        used=snapshot.used,
        referenced=snapshot.referenced,
        by="bsdvirt" if stamp else "other",
        why=stamp.why if stamp else "",
        running=stamp.running if stamp else None,
        note=stamp.note if stamp else "",
        whole=snapshot.main is not None and not snapshot.missing,
        holds=snapshot.holds,
        clones=list(snapshot.clones),
        datasets=[part.dataset for part in snapshot.parts],
        missing=list(snapshot.missing),
    )
