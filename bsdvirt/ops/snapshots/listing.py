"""What `snapshot ls` shows: the snapshots of guests that pass a filter. A jail may take any number
of snapshots of the datasets that it was given: of those of single datasets, the newest are
listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.ops.snapshots.held import tags_of
from bsdvirt.ops.snapshots.read import read_one, read_snapshots, reclaim, row
from bsdvirt.rows.snapshot import SnapshotRow
from bsdvirt.session.reading import Reading

MOST_SINGLE = 100
"""Snapshots of single datasets that are listed for each guest."""


class Filter(Struct, frozen=True):
    """Which snapshots are listed."""

    patterns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Patterns of names, by guest; none for all."""
    ours: bool = False
    """Only those that bsdvirt took."""
    held: bool = False
    why: str = ""
    every: bool = False
    """All of single datasets, too."""

    def fits(self, one: Snapshot) -> bool:
        """Whether a snapshot is listed."""
        wanted = self.patterns.get(one.guest, ())
        return (
            (not wanted or any(fnmatchcase(one.name, pattern) for pattern in wanted))
            and (one.ours or not self.ours)
            and (one.holds > 0 or not self.held)
            and (not self.why or (one.stamp is not None and one.stamp.why == self.why))
        )


class Listing(Struct, frozen=True):
    """The snapshots that are listed, by guest, and what is to be said of others."""

    snapshots: dict[str, list[Snapshot]]
    every: dict[str, list[Snapshot]]
    """All snapshots of the guests."""
    errors: dict[str, BsdvirtError]
    """The guests whose snapshots cannot be read."""
    left_out: dict[str, int]
    """The number of snapshots of single datasets that are not listed."""


def read_each(
    session: Reading, guests: Sequence[Guest]
) -> tuple[dict[str, list[Snapshot]], dict[str, BsdvirtError]]:
    """Return the snapshots of each guest, and the errors of those whose cannot be read, such as of
    a jail that took very many."""
    try:
        return read_snapshots(session, guests), {}
    except BsdvirtError:
        pass
    found: dict[str, list[Snapshot]] = {}
    errors: dict[str, BsdvirtError] = {}
    for guest in guests:
        try:
            found[guest.name] = read_one(session, guest)
        except BsdvirtError as error:
            errors[guest.name] = as_told(error)
    return found, errors


def listing(session: Reading, guests: Sequence[Guest], wanted: Filter) -> Listing:
    """Return the snapshots of guests that pass a filter, the oldest first."""
    every, errors = read_each(session, guests)
    found: dict[str, list[Snapshot]] = {}
    left_out: dict[str, int] = {}
    for name, snapshots in every.items():
        fitting = [one for one in snapshots if wanted.fits(one)]
        single = [one for one in fitting if one.main is None]
        if not wanted.every and len(single) > MOST_SINGLE:
            left_out[name] = len(single) - MOST_SINGLE
            skipped = {(one.txg, one.name) for one in single[:-MOST_SINGLE]}
            fitting = [one for one in fitting if (one.txg, one.name) not in skipped]
        found[name] = fitting
    return Listing(found, every, errors, left_out)


def rows(
    session: Reading, snapshots: Iterable[Snapshot], every: Mapping[str, Sequence[Snapshot]],
    *, sizes: bool
) -> list[SnapshotRow]:  # fmt: skip
    """Return the rows of snapshots. `sizes`: with what their removal frees, a command for each.
    `every` are the snapshots of the guests."""
    listed = list(snapshots)
    tags = tags_of(session, listed)
    if not sizes:
        return [row(one, tags.get(one.full, ())) for one in listed]
    return [
        row(one, tags.get(one.full, ()), reclaim(session, [one], every[one.guest]))
        for one in listed
    ]


def listed_of(session: Reading, name: str) -> list[SnapshotRow]:
    """Return the rows of one guest's snapshots, as they are listed. Raises what `listing` has as
    an error."""
    guest = session.inventory().guest(name)
    found = listing(session, [guest], Filter())
    for error in found.errors.values():
        raise error
    return rows(session, found.snapshots[name], found.every, sizes=False)
