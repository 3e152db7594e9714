"""Who comes from whom: guests, their snapshots, and the clones of those. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import Snapshot


class Node(Struct, frozen=True):
    """A guest, one of its snapshots, or a dataset of no guest that is a clone of one."""

    name: str
    guest: Guest | None = None
    snapshot: Snapshot | None = None
    origins: tuple[str, ...] = ()
    """Of a guest: the snapshots of no guest that its datasets are clones of, such as of a
    release."""
    children: tuple[Node, ...] = ()


class _Forest(Struct):
    guests: Mapping[str, Guest]
    snapshots: Mapping[str, Sequence[Snapshot]]
    owners: dict[str, str] = field(default_factory=dict)
    """The guest of each dataset."""
    shown: set[str] = field(default_factory=set)

    def guest(self, name: str) -> Node:
        """Return a guest; where it was shown already, without what comes from it."""
        guest = self.guests[name]
        if name in self.shown:
            return Node(name, guest)
        self.shown.add(name)
        snapshots = self.snapshots.get(name, ())
        # Of those of single datasets, only the ones that something comes from.
        shown = [one for one in snapshots if one.main is not None or one.clones]
        origins = dict.fromkeys(
            d.origin for d in guest.datasets if d.origin and not self.owner_of(d.origin)
        )
        children = tuple(self.snapshot(name, one) for one in shown)
        return Node(name, guest, origins=tuple(origins), children=children)

    def snapshot(self, name: str, one: Snapshot) -> Node:
        clones = {self.owners.get(clone) or clone: clone for clone in one.clones}
        children = tuple(
            self.guest(owner) if owner in self.guests and owner != name else Node(clone)
            for owner, clone in clones.items()
        )
        return Node(f"{name}@{one.name}", snapshot=one, children=children)

    def owner_of(self, snapshot: str) -> str:
        return self.owners.get(snapshot.partition("@")[0], "")


def forest(
    guests: Mapping[str, Guest],
    snapshots: Mapping[str, Sequence[Snapshot]],
    wanted: Iterable[str],
) -> list[Node]:
    """Return the trees of the guests that are wanted: each with all that comes from it, and under
    the snapshot that it comes from if that is among them."""
    owners = {d.name: guest.name for guest in guests.values() for d in guest.datasets}
    every = _Forest(guests, snapshots, owners)
    names = sorted(set(wanted))
    beneath = {name for name in names if _parents(every, name) & set(names)}
    trees = [every.guest(name) for name in names if name not in beneath]
    # Two that come from each other have no first one.
    return trees + [every.guest(name) for name in names if name not in every.shown]


def _parents(every: _Forest, name: str) -> set[str]:
    origins = (d.origin for d in every.guests[name].datasets if d.origin)
    return {every.owner_of(origin) for origin in origins} - {"", name}
