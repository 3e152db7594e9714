"""What a host answers to an offer of another one, and which streams it takes then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from bsdvirt.errors import ConflictError, NotFoundError
from bsdvirt.guest.inventory import Foreign, Guest, Inventory, refuse_stray
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.guest.send.target import plan_return
from bsdvirt.layout import RUN_DIRECTORY, Layout
from bsdvirt.ops.send.source import SAME_HOST, own_id
from bsdvirt.plan.step import MakeDirectory, Plan, Step, WriteFile
from bsdvirt.session.prepared import Part, run_part
from bsdvirt.session.session import Session
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.load import identity_from_json
from bsdvirt.spec.replica import ABSENT, Origin, Replica
from bsdvirt.spec.send import (
    Answer,
    AnySnapshot,
    Have,
    Known,
    Offer,
    Path,
    RunId,
    Token,
    message_from_json,
    message_to_json,
)
from bsdvirt.zfs.sending import Received, read_received
from bsdvirt.zfs.snapshots import Part as SnapshotPart
from bsdvirt.zfs.snapshots import read_parts

DIRECTORY = f"{RUN_DIRECTORY}/receive"
"""The offers that were accepted, by the guest's name. They are gone after a boot: the sender offers
again."""


class PromotedHereError(ConflictError):
    """The guest was a replica, and is this host's own since."""


class Accepted(Struct, frozen=True):
    """An offer, and where the guest is received."""

    run: str
    offer: Offer
    layout: Layout

    @property
    def place(self) -> str:
        return self.layout.guest(self.offer.name)

    def dataset(self, number: int) -> str:
        """Return the dataset with that number in the offer. Raises NotFoundError."""
        if not 0 <= number < len(self.offer.datasets):
            raise NotFoundError(f"the offer has no dataset {number}")
        path = self.offer.datasets[number].path
        return f"{self.place}/{path}" if path else self.place


def answer_offer(session: Session, offer: Offer, run: Callable[[], str]) -> Answer:
    """Return the answer. A guest that this host gave away becomes the standby of the one that has
    it now.

    Raises ConflictError, PromotedHereError, HostError.
    """
    identity = _identity(session, offer)
    with session.locked("guest", str(offer.name), "receive"):
        found = session.inventory()
        layout = _layout(session, found, offer)
        session.need_mounted(found, layout)
        guest = _taken(found, offer, identity)
        accepted = Accepted(run(), offer, layout)
        received = read_received(session.host, accepted.place)
        parts = read_parts(session.host, [accepted.place]) if received else []
        if isinstance(guest, Guest):
            replica = standby_of(offer, _newest(accepted.place, parts))
            run_part(session, Part(plan_return(guest, offer, replica, session.new_op())))
        if not offer.look:
            _write(session, accepted)
    return Answer(
        host=own_id(session),
        run=RunId.parse(accepted.run),
        available=found.top(layout).available,
        datasets=[_have(accepted.place, name, one, parts) for name, one in received.items()],
    )


def _newest(place: str, parts: Sequence[SnapshotPart]) -> dict[str, int]:
    """Return the guid of the newest snapshot of each dataset, by its path."""
    return {part.dataset[len(place) + 1 :]: part.guid for part in parts}


def standby_of(offer: Offer, guids: Mapping[str, int] | None = None) -> Replica:
    """Return what is written down of a guest that is received. `guids` are of the snapshots that
    the datasets have before."""
    identity = identity_from_json(offer.identity)
    origin = Origin(
        id=offer.host, host=offer.label, name=offer.guest, uuid=identity.uuid,
        guids=dict(guids or {}),
    )  # fmt: skip
    return Replica(role="standby" if offer.standby else "copy", origin=origin)


def _identity(session: Session, offer: Offer) -> Identity:
    """Return the guest's identity on its own host: by it, the guest is foreign here."""
    identity = identity_from_json(offer.identity, "its identity")
    if own_id(session) in (offer.host, identity.host):
        raise ConflictError(
            "both hosts have the same kern.hostuuid, or are one host",
            SAME_HOST,
        )
    if identity.host != offer.host or identity.kind != offer.kind:
        raise ConflictError("the offer contradicts itself", "use one version on both hosts")
    return identity


def _layout(session: Session, found: Inventory, offer: Offer) -> Layout:
    """Return the pool that the guest is, or will be, on."""
    name = str(offer.name)
    if name in found.guests or name in found.foreign:
        return found.home(name)
    return session.pool(offer.pool) if offer.pool else found.layout


def _taken(found: Inventory, offer: Offer, identity: Identity) -> Guest | Foreign | None:
    """Return what has the guest's name here, if that is a replica of it.

    Raises ConflictError for anything else.
    """
    name = str(offer.name)
    guest: Guest | Foreign | None = found.guests.get(name) or found.foreign.get(name)
    if guest is None:
        refuse_stray(found, name)
        return None
    replica = replica_of(guest)
    if isinstance(guest, Guest):
        origin = replica.origin if replica else None
        if origin is not None and (origin.id, origin.uuid) == (offer.host, identity.uuid):
            raise PromotedHereError(
                f"{name} was promoted here, and is this host's guest now",
                f"on {offer.label}, bsdvirt destroy {offer.guest} drops the old one",
            )
        if replica is None or replica.role not in ABSENT or guest.identity.uuid != identity.uuid:
            raise ConflictError(
                f"there is another guest {name}", "give another name by --name, or destroy that"
            )
        return guest
    origin = replica.origin if replica else None
    if origin is None or (origin.id, origin.uuid) != (offer.host, identity.uuid):
        raise ConflictError(
            f"there is a foreign guest {name}, which is not of this guest",
            "give another name by --name, or destroy that",
        )
    return guest


def _have(place: str, name: str, one: Received, parts: Sequence[SnapshotPart]) -> Have:
    newest = [part for part in parts if part.dataset == name][-1024:]
    return Have(
        path=Path.parse(name[len(place) + 1 :]),
        snapshots=[Known(name=AnySnapshot.parse(part.name), guid=part.guid) for part in newest],
        token=Token.parse(one.token) if one.token else None,
        written=one.written if newest else 0,
    )


# ---- the offers that were accepted ----


def _file(name: str) -> str:
    return f"{DIRECTORY}/{name}.json"


def _write(session: Session, accepted: Accepted) -> None:
    name = str(accepted.offer.name)
    text = f"{accepted.run} {accepted.layout.dataset}\n"
    text += message_to_json(accepted.offer).decode() + "\n"
    steps = (
        Step(MakeDirectory(DIRECTORY, 0o700), "for the offers that were accepted"),
        Step(WriteFile(_file(name), text, 0o600), "the offer, whose streams may come"),
    )
    plan = Plan("offer", name, "guest", steps, op=session.new_op())
    run_part(session, Part(plan, journalled=False))


def accepted_run(session: Session, run: str) -> Accepted:
    """Return the offer of that run. Raises NotFoundError."""
    fs = session.host.fs
    for entry in fs.listdir(DIRECTORY):
        try:
            first, _, rest = fs.read_text(f"{DIRECTORY}/{entry}", follow=False).partition("\n")
        except OSError:
            continue
        named, _, dataset = first.partition(" ")
        if named == run:
            offer = message_from_json(Offer, rest, f"{DIRECTORY}/{entry}")
            return Accepted(run, offer, session.pool(dataset))
    raise NotFoundError(f"no run {run[:40]!r} was offered", "the sender begins again")


def forget_run(session: Session, accepted: Accepted) -> None:
    """Take no more streams of that run."""
    session.host.fs.unlink(_file(str(accepted.offer.name)))
