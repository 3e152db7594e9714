"""The plan that rolls a guest back to a snapshot, and what is lost by it. Pure.

`zfs rollback -r` takes one dataset back: it destroys the later snapshots and bookmarks of that
dataset, and refuses where one of the snapshots has a clone. Nothing of it can be undone, so all
that could refuse it is looked for before, and the datasets are rolled back after the commit. The
mark on the guest's own dataset says whether that is still to be done: an operation that has ended
must never roll back again what was written since. Properties, bsdvirt:guest among them, belong to
the dataset and not to its data: they stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.host import tools
from bsdvirt.host.sanitize import shown_line
from bsdvirt.layout import KEPT
from bsdvirt.plan.marks import clear_mark, mark
from bsdvirt.plan.step import Command, DatasetOwned, Not, Plan, Step
from bsdvirt.rows.sizes import both_sizes, human_size
from bsdvirt.spec.types import Size
from bsdvirt.zfs.since import Bookmark, Since
from bsdvirt.zfs.snapshots import Part

VERB = "roll back"
SECONDS = 3600.0
BUSY_SECONDS = 15.0
MOST_NAMED = 10
MOST_SHOWN = 100
"""Snapshots that are listed one by one: a jail can take any number of its own datasets."""


class Lost(Struct, frozen=True):
    """What a rollback of a guest takes away, and what it leaves as it is."""

    target: Snapshot
    later: tuple[Snapshot, ...] = ()
    """The later snapshots, each with the parts of it that go."""
    bookmarks: tuple[Bookmark, ...] = ()
    since: Mapping[str, Since] = field(default_factory=dict)
    """By dataset, what it has had since the snapshot."""
    added: tuple[str, ...] = ()
    """Datasets made since, which stay."""

    @property
    def names(self) -> frozenset[str]:
        """Return the full names of all snapshots and bookmarks that go."""
        parts = (part.full for one in self.later for part in one.parts)
        return frozenset((*parts, *(bookmark.full for bookmark in self.bookmarks)))

    def lines(self) -> list[str]:
        """Return what goes, for a user to confirm."""
        lines = _bounded([_later(one) for one in self.later])
        lines += _bounded([f"bookmark {bookmark.full}" for bookmark in self.bookmarks])
        lines += [
            f"what was written since to {name}: {both_sizes(since.written)}"
            for name, since in sorted(self.since.items())
            if since.written
        ]
        copy = f"bsdvirt clone --full {self.target.guest} NEW"
        return [
            *lines,
            *self.kept(),
            "the present state: no snapshot of it could be kept, which would be a later one",
            f"to keep a copy of it first: {copy}",
        ]

    def amounts(self) -> tuple[str, ...]:
        """Return the sizes in these lines, which are others each time for a running guest."""
        sizes = (one.used for one in self.later)
        written = (since.written for since in self.since.values())
        return tuple(map(both_sizes, (*sizes, *written)))

    def kept(self) -> list[str]:
        """Return what stays although it came later."""
        return _bounded([f"{name} was made since: it stays as it is" for name in self.added])


def _bounded(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], f"and {more} more"] if more > 0 else lines


def _later(snapshot: Snapshot) -> str:
    of = _names([part.dataset for part in snapshot.parts])
    stamp = snapshot.stamp
    by = "of another tool" if stamp is None else shown_line(stamp.note or stamp.why)
    return f"later snapshot {snapshot.name} ({by}, {both_sizes(snapshot.used)}) of {of}"


def lost_by(
    target: Snapshot,
    snapshots: Sequence[Snapshot],
    bookmarks: Sequence[Bookmark],
    since: Mapping[str, Since],
) -> Lost:
    """Return what a rollback to one of a guest's snapshots takes away."""
    back = {part.dataset for part in target.parts}
    later = (_only(one, back) for one in snapshots if one.txg > target.txg)
    marks = (mark for mark in bookmarks if mark.dataset in back and mark.txg > target.txg)
    return Lost(
        target, tuple(one for one in later if one.parts), tuple(marks), since, target.missing
    )


def _only(snapshot: Snapshot, datasets: set[str]) -> Snapshot:
    """Return the snapshot with its parts of these datasets."""
    parts = tuple(part for part in snapshot.parts if part.dataset in datasets)
    return replace(snapshot, parts=parts)


def refuse_loss(lost: Lost, held: Mapping[str, str]) -> None:
    """Raise ConflictError and HostError for what ZFS would refuse once it is too late. `held` says
    who holds a snapshot, by its name. To promote a clone of a later snapshot would not help: the
    earlier ones, the target among them, become the clone's."""
    target = f"{lost.target.guest}@{lost.target.name}"
    for one in lost.later:
        if one.clones:
            raise ConflictError(
                f"{target}: the later snapshot {one.name} has clones, which would be lost:"
                f" {_names(one.clones)}",
                "destroy them yourself first; to make a guest of the snapshot instead: bsdvirt"
                f" rollback {target} --to-new NAME",
            )
    for one in lost.later:
        if one.holds:
            by = held.get(one.name, "")
            raise ConflictError(
                f"{target}: the later snapshot {one.name} is held" + (f" by {by}" if by else ""),
                f"zfs holds -r {one.full} shows the tags, zfs release -r TAG {one.full} removes"
                " one",
            )
    for part in lost.target.parts:
        if since := lost.since.get(part.dataset):
            _refuse_space(part, since)


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _refuse_space(part: Part, since: Since) -> None:
    """Raise HostError for a dataset that has no room for what the snapshot refers to
    (dsl_dataset_rollback_check in dsl_dataset.c)."""
    if since.refquota and part.referenced > since.refquota:
        raise HostError(
            f"{part.full} refers to {human_size(part.referenced)}, more than the refquota of"
            f" {part.dataset} ({human_size(since.refquota)})",
            f"zfs set refquota=none {part.dataset}",
        )
    # For a moment the whole reservation has to be free.
    needed = min(since.refreservation, since.written)
    free = since.available - max(0, since.refreservation - since.written)
    if needed > max(0, free):
        raise HostError(
            f"{part.dataset} has a refreservation, and its rollback needs"
            f" {human_size(needed)} of free space for a moment",
            "free that much, or zfs set refreservation=none and set it again afterwards",
        )


def refuse_incomplete(target: Snapshot, wanted: Mapping[str, int | None]) -> None:
    """Raise ConflictError where the snapshot lacks a dataset that its own file names: it was
    destroyed, or made again, since."""
    gone = [name for name in wanted if target.part_of(name) is None]
    if gone:
        name = f"{target.guest}@{target.name}"
        if kept := [one for one in gone if target.part_of(one + KEPT) is not None]:
            raise ConflictError(
                f"{name} was taken before an upgrade, of what is now {kept[0]}{KEPT}",
                f"to return to that root: bsdvirt upgrade {target.guest} --back",
            )
        raise ConflictError(
            f"{name} lacks {_names(gone)}, which its configuration names: destroyed since, or not"
            " in the snapshot",
            f"choose another; to make a guest of what is in it: bsdvirt rollback {name} --to-new"
            " NAME",
        )


def refuse_unknown(target: Snapshot) -> None:
    """Raise ConflictError where a configuration that cannot be read might need a dataset that is
    not in the snapshot."""
    if target.missing:
        name = f"{target.guest}@{target.name}"
        raise ConflictError(
            f"{name} lacks {_names(target.missing)}, and its configuration, which cannot be read,"
            " may need that",
            "choose another",
        )


def unfit_disks(target: Snapshot, wanted: Mapping[str, int | None]) -> Iterator[str]:
    """Yield what to say of volumes of another size than the file in the snapshot says."""
    for name, size in wanted.items():
        part = target.part_of(name)
        if part is not None and size is not None and part.volsize not in (None, size):
            yield (
                f"{name} comes back with {Size(part.volsize)}, and its configuration says"
                f" {Size(size)}"
            )


def refuse_unconfirmed(target: Snapshot, agreed: frozenset[str], now: Lost) -> None:
    """Raise ConflictError for snapshots and bookmarks that the user has not seen."""
    if more := sorted(now.names - agreed):
        raise ConflictError(
            f"{target.guest}@{target.name}: taken meanwhile, and would be lost: {_names(more)}",
            "try again",
        )


def plan_rollback(guest: Guest, target: Snapshot, op: str, notes: Sequence[str] = ()) -> Plan:
    """Roll all datasets of a snapshot back; the guest's own, with its file, comes last."""
    return Plan(
        VERB,
        guest.name,
        "guest",
        (mark(guest.dataset, op, f"mark {guest.dataset} as being rolled back"),),
        (
            *(_back(guest, part, op) for part in reversed(target.parts)),
            clear_mark(guest.dataset, op),
        ),
        op=op,
        notes=tuple(notes),
    )


def _back(guest: Guest, part: Part, op: str) -> Step:
    return Step(
        Command((tools.ZFS, "rollback", "-r", part.full), timeout=SECONDS),
        f"roll {part.dataset} back, with its later snapshots and bookmarks",
        unless=Not(DatasetOwned(guest.dataset, op)),
        durable=True,
        retry=BUSY_SECONDS,
    )


def not_rolled_back(plan: Plan, done: Collection[int]) -> list[str]:
    """Return the datasets that a rollback which was cut short has left as they were. `done` are the
    numbers of its steps that are recorded as done, those of `finish` after the others."""
    every = enumerate(plan.finish, len(plan.steps))
    return [
        step.do.argv[-1].partition("@")[0]
        for number, step in every
        if isinstance(step.do, Command) and "rollback" in step.do.argv and number not in done
    ]


def target_of(plan: Plan) -> str:
    """Return the name of the snapshot that a plan rolls back to."""
    steps = [step.do for step in plan.finish if isinstance(step.do, Command)]
    return next((do.argv[-1].partition("@")[2] for do in steps if "rollback" in do.argv), "")
