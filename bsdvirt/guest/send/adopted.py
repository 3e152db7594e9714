"""What adopting a received guest changes besides its identity. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Foreign
from bsdvirt.guest.send.plan import set_words
from bsdvirt.guest.send.target import remove_received
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, Step, Undo
from bsdvirt.spec.replica import Origin, Replica, replica_to_json
from bsdvirt.zfs.sending import Received
from bsdvirt.zfs.snapshots import Part


class Unfinished(Struct, frozen=True):
    """What is there of a later snapshot than the one that is there in full, by dataset."""

    partial: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.partial or self.later)


def unfinished(
    origin: Origin, parts: Sequence[Part], received: Iterable[tuple[str, Received]], place: str
) -> Unfinished:
    """Compare what is there to the snapshot that is there in full.

    Raises ConflictError if that is not there any more.
    """
    newest: dict[str, Part] = {}
    guids: dict[str, set[int]] = {}
    for part in parts:
        newest[part.dataset] = part
        guids.setdefault(part.dataset, set()).add(part.guid)
    later = []
    for path, guid in origin.guids.items():
        dataset = f"{place}/{path}" if path else place
        if guid not in guids.get(dataset, ()):
            raise ConflictError(
                f"{dataset}@{origin.snapshot} is not there any more",
                f"send it again, from {origin.host or 'its host'}",
            )
        if newest[dataset].guid != guid:
            later.append(dataset)
    return Unfinished(tuple(name for name, one in received if one.token), tuple(later))


def refuse_adoption(foreign: Foreign, replica: Replica) -> Origin:
    """Return where a guest came from. Raises ConflictError for one that is not to be adopted."""
    name, origin = foreign.name, replica.origin
    if origin is None:
        raise ConflictError(f"{name} is another host's", f"bsdvirt info {name}")
    if origin.snapshot is None:
        raise ConflictError(
            f"{name} has not been received in full", f"send it again, from {origin.host}"
        )
    return origin


def adopt_steps(
    foreign: Foreign, replica: Replica, writable: Iterable[str], *, promoted: bool
) -> tuple[Step, ...]:
    """Make its datasets writable, and note that it is no replica any more. One that was promoted
    remembers of which guest it was."""
    was = replica_to_json(replica)
    after = msgspec.structs.replace(replica, role="source", to=[]) if promoted else None
    note = Step(
        Command(set_words(foreign.dataset, replica_to_json(after) if after else None)),
        "it is no replica any more",
        undo=(Undo(Command(set_words(foreign.dataset, was))),),
        durable=True,
    )
    return (*(_writable(name) for name in writable), note)


def finish_steps(foreign: Foreign, origin: Origin, tag: str) -> tuple[Step, ...]:
    """Remove the snapshot that it was received as, for a plan's finish."""
    full = f"{foreign.dataset}@{origin.snapshot}"
    return remove_received(full, origin.guids.get("", 0), tag)


def _writable(dataset: str) -> Step:
    return Step(
        Command((tools.ZFS, "inherit", "readonly", dataset)),
        f"{dataset} can be written",
        undo=(Undo(Command((tools.ZFS, "set", "readonly=on", dataset))),),
        durable=True,
    )
