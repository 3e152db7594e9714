"""Choose what is sent of each dataset: all of it, what has changed, or the rest of a stream that
was cut short. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.rows.sizes import human_size
from bsdvirt.spec.send import MOST_SNAPSHOTS, Answer, AnySnapshot, Have, Known, Path, Sent
from bsdvirt.zfs.base import Dataset
from bsdvirt.zfs.sending import Resumed
from bsdvirt.zfs.snapshots import Part

Resuming = Callable[[str], Resumed | None]
"""Returns what a resume token asks for; None if it cannot be used."""


class Source(Struct, frozen=True):
    """A dataset of the guest on this host."""

    dataset: Dataset
    path: str
    parts: tuple[Part, ...]
    """Its snapshots, the oldest first."""
    bookmarks: Mapping[int, str]
    """Its bookmarks by guid, in full."""
    jailed: bool = False

    @property
    def encrypted(self) -> bool:
        return self.dataset.encryption_root is not None

    def sent(self) -> Sent:
        """Return it as it is offered."""
        newest = self.parts[-MOST_SNAPSHOTS:]
        known = [Known(name=AnySnapshot(part.name), guid=part.guid) for part in newest]
        kind: Literal["filesystem", "volume"] = "filesystem"
        if self.dataset.kind == "volume":
            kind = "volume"
        return Sent(
            path=Path.parse(self.path), kind=kind, size=self.dataset.referenced,
            jailed=self.jailed, encrypted=self.encrypted, snapshots=known,
        )  # fmt: skip


class Transfer(Struct, frozen=True):
    """One stream."""

    source: Source
    number: int
    """Of the dataset in the offer."""
    snapshot: str
    """The name of the snapshot that is there at its end."""
    base: str = ""
    """What the receiving host has, as -i takes it; "" for a stream of the whole dataset."""
    token: str = ""
    """Of the stream that it is the rest of."""
    size: int = 0
    """An estimate in bytes; 0 if it is not known."""

    @property
    def words(self) -> str:
        """What is sent."""
        name = self.source.dataset.name
        if self.token:
            return f"the rest of {name}@{self.snapshot}"
        return f"{name}: what changed since {self.base}" if self.base else f"{name}, all of it"


class Choice(Struct, frozen=True):
    """What is sent, and what is to be done on the receiving host before."""

    transfers: tuple[Transfer, ...]
    drop: tuple[int, ...] = ()
    """Datasets, by their numbers in the offer, whose partial receive is given up."""
    bases: tuple[str, ...] = ()
    """Snapshots of this host in full that are needed for it."""
    gone: tuple[str, ...] = ()
    """Datasets there that the guest does not have any more."""

    @property
    def size(self) -> int:
        return sum(one.size for one in self.transfers)


def sources(
    guest: Guest, parts: Sequence[Part], bookmarks: Mapping[str, int]
) -> tuple[Source, ...]:
    """Return the datasets of a guest, its own first. Raises ConflictError for one whose name cannot
    be sent."""
    found = []
    for dataset in guest.datasets:
        path = dataset.name[len(guest.dataset) + 1 :]
        try:
            Path.parse(path)
        except ValueError as error:
            raise ConflictError(f"{dataset.name} cannot be sent: {error}", "zfs rename") from None
        found.append(
            Source(
                dataset, path,
                tuple(part for part in parts if part.dataset == dataset.name),
                {g: full for full, g in bookmarks.items() if full.startswith(f"{dataset.name}#")},
                dataset.jailed,
            )
        )  # fmt: skip
    return tuple(found)


class Goal(Struct, frozen=True):
    """Where the guest is sent."""

    host: str
    name: str
    """Its name there."""

    def has(self, path: str) -> str:
        return f"{self.name}/{path} on {self.host}" if path else f"{self.name} on {self.host}"

    @property
    def start_over(self) -> str:
        return f"on {self.host}, bsdvirt destroy {self.name}: then all of it is sent again"


def choose(
    every: Sequence[Source], answer: Answer, snapshot: str, goal: Goal, resuming: Resuming
) -> Choice:
    """Choose what is sent of each dataset.

    Raises ConflictError if the other side has something that this one does not know, or has no
    room.
    """
    there = {str(have.path): have for have in answer.datasets}
    transfers: list[Transfer] = []
    drop: list[int] = []
    bases: list[str] = []
    for number, source in enumerate(every):
        have = there.get(source.path)
        resumed = _resumed(source, have, resuming)
        if have is not None and have.token and resumed is None:
            drop.append(number)
        if resumed is not None and have is not None:
            short = resumed.snapshot.partition("@")[2]
            transfers.append(
                Transfer(source, number, short, token=str(have.token), size=resumed.size)
            )
            # The rest of it begins with what was there before it.
            before = {known.guid for known in have.snapshots[-1:]}
            bases += [part.full for part in source.parts if part.guid in before]
            bases.append(resumed.snapshot)
            base: str | None = resumed.snapshot
        else:
            base = _base(source, have, goal)
            bases += [base] if base and "@" in base else []
        size = 0 if base else source.dataset.referenced
        transfers.append(Transfer(source, number, snapshot, base or "", size=size))
    paths = {source.path for source in every}
    gone = tuple(sorted(path for path in there if path not in paths))
    choice = Choice(tuple(transfers), tuple(drop), tuple(bases), gone)
    if choice.size > answer.available:
        raise ConflictError(
            f"{goal.host} has {human_size(answer.available)} available, and about"
            f" {human_size(choice.size)} would be sent",
            "make room there, or give another pool by --pool",
        )
    return choice


def _resumed(source: Source, have: Have | None, resuming: Resuming) -> Resumed | None:
    """Return what a partial receive there is of: a snapshot of that very dataset, as it is now. The
    token is the other host's word, and may ask for anything."""
    if have is None or have.token is None:
        return None
    resumed = resuming(str(have.token))
    if resumed is None or resumed.raw != source.encrypted:
        return None
    known = {(part.full, part.guid) for part in source.parts}
    return resumed if (resumed.snapshot, resumed.guid) in known else None


def _base(source: Source, have: Have | None, goal: Goal) -> str | None:
    """Return the newest snapshot there, or a bookmark of it; None if there is nothing yet."""
    if have is None or (have.token and not have.snapshots):
        return None
    name, place = source.dataset.name, goal.has(source.path)
    if not have.snapshots:
        raise ConflictError(f"{place} was not sent by this host", goal.start_over)
    newest = have.snapshots[-1]
    if have.written:
        raise ConflictError(
            f"{place} was changed since @{newest.name}: {human_size(have.written)}",
            f"to drop that, zfs rollback there to @{newest.name}; or {goal.start_over}",
        )
    ours = {part.guid: part.full for part in source.parts}
    if newest.guid in ours:
        return ours[newest.guid]
    if newest.guid in source.bookmarks:
        return source.bookmarks[newest.guid]
    common = next((one for one in reversed(have.snapshots) if one.guid in ours), None)
    if common is None:
        raise ConflictError(f"{place} and {name} have no snapshot in common", goal.start_over)
    raise ConflictError(
        f"{place} has the snapshot @{newest.name}, which {name} does not have",
        f"to drop all after @{common.name}, zfs rollback -r there to it; or {goal.start_over}",
    )
