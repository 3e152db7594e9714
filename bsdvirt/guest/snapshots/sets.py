"""The snapshots of a guest: each consists of the snapshots of its datasets that one zfs(8) took.

They belong together by their name and transaction group: a jail may destroy and take snapshots of
the datasets that it was given, under any name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.errors import ConflictError, NotFoundError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.spec.snapshot import Stamp, stamp_from_json
from bsdvirt.zfs.snapshots import Part
from bsdvirt.zfs.values import Value


class Snapshot(Struct, frozen=True):
    """A snapshot of a guest, or of some of its datasets where another tool took it."""

    guest: str
    dataset: str
    """The guest's dataset."""
    name: str
    txg: int
    parts: tuple[Part, ...]
    """Sorted by dataset, so that the guest's own is the first."""
    stamp: Stamp | None = None
    """None if another tool took it."""
    op: str = ""
    """The operation that took it."""
    missing: tuple[str, ...] = ()
    """Datasets that the guest has now and that are not in it."""
    given: frozenset[str] = frozenset()
    """Datasets that were given to the jail, which can hold and clone their snapshots."""

    @property
    def ours(self) -> bool:
        """Whether bsdvirt took it, and may remove it."""
        return self.stamp is not None

    @property
    def main(self) -> Part | None:
        """The snapshot of the guest's own dataset, with its file; None if it is not in it."""
        first = self.parts[0]
        return first if first.dataset == self.dataset else None

    @property
    def own(self) -> Snapshot:
        """Return it without what was given to the jail."""
        parts = tuple(part for part in self.parts if part.dataset not in self.given)
        return replace(self, parts=parts) if parts else self

    @property
    def full(self) -> str:
        """Its name as zfs(8) takes it, for -r."""
        return f"{self.dataset}@{self.name}"

    @property
    def created(self) -> int:
        """Seconds since 1970, by the kernel."""
        return self.parts[0].created

    @property
    def used(self) -> int:
        """Bytes that only it holds; removing it may free more than that."""
        return sum(part.used for part in self.parts)

    @property
    def referenced(self) -> int:
        return sum(part.referenced for part in self.parts)

    @property
    def holds(self) -> int:
        return max(part.holds for part in self.parts)

    @property
    def held(self) -> tuple[Part, ...]:
        """The parts that are held."""
        return tuple(part for part in self.parts if part.holds)

    @property
    def clones(self) -> tuple[str, ...]:
        return tuple(sorted(clone for part in self.parts for clone in part.clones))

    def part_of(self, dataset: str) -> Part | None:
        """Return the snapshot of one of the datasets."""
        return next((part for part in self.parts if part.dataset == dataset), None)


def snapshots_of(
    guest: Guest, parts: Iterable[Part], values: Mapping[str, Sequence[Value]]
) -> list[Snapshot]:
    """Return the snapshots of a guest, the oldest first. `values` are those of bsdvirt:snapshot and
    bsdvirt:op of the snapshots of its own dataset."""
    found: dict[tuple[int, str], list[Part]] = {}
    for part in parts:
        if f"{part.dataset}/".startswith(f"{guest.dataset}/"):
            found.setdefault((part.txg, part.name), []).append(part)
    return [
        _snapshot(guest, name, txg, members, values)
        for (txg, name), members in sorted(found.items())
    ]


def _snapshot(
    guest: Guest,
    name: str,
    txg: int,
    members: Sequence[Part],
    values: Mapping[str, Sequence[Value]],
) -> Snapshot:
    parts = tuple(sorted(members, key=lambda part: part.dataset))
    have = {part.dataset for part in parts}
    missing = tuple(d.name for d in guest.datasets if d.name not in have)
    stamp, op = None, ""
    if parts[0].dataset == guest.dataset and (told := values.get(parts[0].full)):
        stamp = _stamp(told[0])
        op = told[1].value if told[1].local else ""
    given = frozenset(d.name for d in guest.datasets if d.jailed)
    return Snapshot(guest.name, guest.dataset, name, txg, parts, stamp, op, missing, given)


def _stamp(value: Value) -> Stamp | None:
    """Return a stamp of this host's: one that came with `zfs receive` is another host's word."""
    if not value.local:
        return None
    try:
        return stamp_from_json(value.value)
    except UsageError:
        return None


def named(snapshots: Sequence[Snapshot], guest: str, name: str) -> Snapshot:
    """Return the snapshot of that name, which has the guest's file.

    Raises NotFoundError; ConflictError for one that has only some of the guest's datasets.
    """
    found = [one for one in snapshots if one.name == name]
    whole = next((one for one in found if one.main is not None), None)
    if whole is not None:
        return whole
    if found:
        which = ", ".join(part.full for one in found for part in one.parts)
        raise ConflictError(
            f"{guest}@{name} is not a snapshot of the whole guest, but of {which}",
            f"bsdvirt snapshot ls {guest}; zfs(8) handles the snapshots of single datasets",
        )
    known = ", ".join(one.name for one in snapshots if one.main is not None) or "none"
    raise NotFoundError(
        f"no snapshot {guest}@{name}; available: {known}", f"bsdvirt snapshot ls {guest}"
    )


def is_pattern(word: str) -> bool:
    """Whether a word is a pattern of names, as fnmatch(3) has them, and no name."""
    return any(character in word for character in "*?[")


def picked(snapshots: Sequence[Snapshot], guest: str, words: Iterable[str]) -> list[Snapshot]:
    """Return the snapshots that names and patterns stand for, the oldest first. A pattern stands
    for those that bsdvirt took.

    Raises as `named` does, and NotFoundError for a pattern that fits none.
    """
    found: list[Snapshot] = []
    for word in words:
        fitting = matching(snapshots, word) if is_pattern(word) else [named(snapshots, guest, word)]
        if not fitting:
            raise NotFoundError(
                f"{guest}@{word} matches no snapshot taken by bsdvirt",
                f"bsdvirt snapshot ls {guest}",
            )
        found += fitting
    keys = {(one.txg, one.name) for one in found}
    return [one for one in snapshots if (one.txg, one.name) in keys]


def matching(snapshots: Iterable[Snapshot], pattern: str) -> list[Snapshot]:
    """Return the snapshots that bsdvirt took whose name fits a pattern."""
    return [one for one in snapshots if one.ours and fnmatchcase(one.name, pattern)]


def refuse_taken(snapshots: Sequence[Snapshot], guest: str, name: str) -> None:
    """Raise ConflictError if a dataset of the guest has a snapshot of that name."""
    for one in snapshots:
        if one.name == name:
            raise ConflictError(f"{one.parts[0].full} already exists", "choose another name")


def free_name(snapshots: Sequence[Snapshot], wanted: str) -> str:
    """Return that name, or with a number appended the first that no dataset of the guest has."""
    taken = {one.name for one in snapshots}
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
