"""The plan that turns the dependence of a clone on its origin round: afterwards the origin's
datasets are clones of its own, and the snapshots up to that of the clone are its. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, Not, OriginIs, Plan, Step, Undo
from bsdvirt.zfs.snapshots import Part

SECONDS = 600.0


class Turn(Struct, frozen=True):
    """A dataset of a clone, and the one that it depends on."""

    dataset: str
    origin: str
    """The dataset of its origin."""
    snapshot: str
    source: str
    """The guest that the origin belongs to."""


Owners = Mapping[str, str]
"""The guest of each dataset guests/<name>."""


def owners_of(guests: Iterable[Guest]) -> Owners:
    """Return whose datasets these are."""
    return {guest.dataset: guest.name for guest in guests}


def owner_of(dataset: str, owners: Owners) -> str:
    """Return the guest that has a dataset; empty for none."""
    while dataset and dataset not in owners:
        dataset = dataset.rpartition("/")[0]
    return owners.get(dataset, "")


def turns_of(guest: Guest, owners: Owners) -> list[Turn]:
    """Return the datasets of a guest that are clones of another guest's."""
    found = []
    for dataset in guest.datasets:
        origin, _, snapshot = (dataset.origin or "").partition("@")
        source = owner_of(origin, owners)
        if source not in ("", guest.name):
            found.append(Turn(dataset.name, origin, snapshot, source))
    return found


def clones_by_source(guests: Iterable[Guest], owners: Owners) -> dict[str, list[str]]:
    """Return the guests that depend on each guest, sorted; without those on which none does."""
    found: dict[str, list[str]] = {}
    for guest in sorted(guests, key=lambda guest: guest.name):
        for source in {turn.source for turn in turns_of(guest, owners)}:
            found.setdefault(source, []).append(guest.name)
    return found


def moved(turn: Turn, parts: Sequence[Part]) -> list[Part]:
    """Return the snapshots that become the clone's: up to the one that it was made of."""
    theirs = [part for part in parts if part.dataset == turn.origin]
    last = next((part.txg for part in theirs if part.name == turn.snapshot), -1)
    return [part for part in theirs if part.txg <= last]


def refuse_same_names(guest: str, turns: Iterable[Turn], parts: Sequence[Part]) -> None:
    """Raise ConflictError where a snapshot that would become the clone's has the name of one that
    it has."""
    for turn in turns:
        own = {part.name for part in parts if part.dataset == turn.dataset}
        for part in moved(turn, parts):
            if part.name in own:
                raise ConflictError(
                    f"{part.full} would become {turn.dataset}@{part.name}, which exists",
                    f"bsdvirt snapshot rm {guest}@{part.name}, or that of {turn.source}",
                )


def plan_promote(guest: Guest, turns: Sequence[Turn], op: str) -> Plan:
    """Promote all datasets of a clone. Each is undone by the promotion of its origin."""
    if not turns:
        why = "it does not depend on another guest"
        return Plan("promote", guest.name, "guest", reason=why, op=op)
    sources = tuple(sorted({turn.source for turn in turns}))
    return Plan("promote", guest.name, "guest", tuple(_steps(turns)), op=op, also=sources)


def _steps(turns: Sequence[Turn]) -> Iterator[Step]:
    for turn in turns:
        before = OriginIs(turn.dataset, f"{turn.origin}@{turn.snapshot}")
        after = OriginIs(turn.origin, f"{turn.dataset}@{turn.snapshot}")
        yield Step(
            Command((tools.ZFS, "promote", turn.dataset), timeout=SECONDS),
            f"{turn.origin} becomes a clone of {turn.dataset}",
            undo=(Undo(Command((tools.ZFS, "promote", turn.origin), timeout=SECONDS), after),),
            unless=Not(before),
            durable=True,
        )
