"""What changed in a guest since a snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from bsdvirt.errors import CommandError, UsageError
from bsdvirt.guest.snapshots.sets import Snapshot, named
from bsdvirt.host.sanitize import shown_line
from bsdvirt.ops.snapshots.read import read_one
from bsdvirt.rows.base import utc
from bsdvirt.rows.snapshot import DiffRow
from bsdvirt.session.reading import Reading
from bsdvirt.zfs.diff import Change, read_changes
from bsdvirt.zfs.snapshots import Part

MOST_ROWS = 10000
"""Changes that are listed: a guest may have changed any number of files."""

END = 253402300800
"""The year 10000, in seconds since 1970."""


class Difference(Struct):
    """The changes, and what is to be said of those that are not among them."""

    rows: list[DiffRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def difference(session: Reading, name: str, first: str, second: str = "") -> Difference:
    """Return what changed in a guest between a snapshot and a later one, or the present.

    Raises NotFoundError for a snapshot that does not exist, UsageError for one that is not later.
    """
    guest = session.inventory().guest(name)
    snapshots = read_one(session, guest)
    before = named(snapshots, name, first)
    after = named(snapshots, name, second) if second else None
    if after is not None and after.txg <= before.txg:
        raise UsageError(
            f"{name}@{second} is not later than {name}@{first}",
            f"bsdvirt snapshot diff {name}@{second} {first}",
        )
    found = Difference()
    for part in before.parts:
        _compare(session, part, after, found)
    new = [one for one in before.missing if after is None or after.part_of(one)]
    found.notes += [f"{shown_line(one)} is not in {name}@{first}" for one in new]
    return found


def _compare(session: Reading, part: Part, after: Snapshot | None, found: Difference) -> None:
    """Add the changes of one dataset."""
    if part.volsize is not None:
        found.notes.append(f"{part.dataset} is a volume: zfs(8) compares file systems only")
        return
    later = after.part_of(part.dataset) if after is not None else None
    if after is not None and later is None:
        found.notes.append(f"{shown_line(part.dataset)} is not in {after.guest}@{after.name}")
        return
    try:
        changes = read_changes(session.host, part.full, later.full if later else part.dataset)
        left_out = _add(found, part.dataset, changes)
    except CommandError as error:
        found.notes.append(f"{part.dataset} cannot be compared: {error.message}")
        return
    if left_out:
        found.notes.append(f"{part.dataset}: {left_out} more changes are not listed")


def _add(found: Difference, dataset: str, changes: Iterator[Change]) -> int:
    """Add changes up to the bound, and return how many were left out."""
    left_out = 0
    for change in changes:
        if len(found.rows) < MOST_ROWS:
            found.rows.append(_row(dataset, change))
        else:
            left_out += 1
    return left_out


def _row(dataset: str, one: Change) -> DiffRow:
    return DiffRow(
        dataset=dataset,
        change=one.change,
        kind=one.kind,
        path=one.path,
        to=one.to,
        links=one.links,
        changed=_time(one.changed),
    )


def _time(seconds: int) -> str:
    """Return a time in UTC; "" for one that a file cannot have."""
    return utc(seconds) if 0 <= seconds < END else ""
