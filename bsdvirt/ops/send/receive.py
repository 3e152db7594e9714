"""Receive a guest from another host: only what an offer has named."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Foreign
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.guest.send.target import (
    first_properties,
    plan_complete,
    plan_drop,
    plan_stream,
)
from bsdvirt.ops.send.offer import Accepted, accepted_run, forget_run, standby_of
from bsdvirt.ops.send.source import own_id, tag_for
from bsdvirt.plan.step import Plan
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.load import identity_from_json
from bsdvirt.zfs.reclaim import read_holds
from bsdvirt.zfs.sending import read_received
from bsdvirt.zfs.snapshots import Part as SnapshotPart
from bsdvirt.zfs.snapshots import read_parts


class Stream(Struct, frozen=True):
    """Receive standard input as a snapshot of a dataset that was offered."""

    run: str
    number: int
    snapshot: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError, ConflictError for what was not offered."""
        with _locked(session, self.run) as accepted:
            dataset = accepted.dataset(self.number)
            sent = accepted.offer.datasets[self.number]
            offered = {str(known.name) for known in sent.snapshots} | {str(accepted.offer.snapshot)}
            if self.snapshot not in offered:
                raise ConflictError(f"{dataset}@{self.snapshot[:64]} was not offered")
            there = read_received(session.host, dataset).get(dataset)
            first: tuple[str, ...] = ()
            if there is None and not sent.path:
                first = first_properties(accepted.offer, standby_of(accepted.offer))
            plan = plan_stream(
                accepted.place, sent, self.snapshot, session.new_op(),
                first=first, resumes=bool(there and there.token),
            )  # fmt: skip
            yield _one(session, accepted, plan, journalled=False)


class Drop(Struct, frozen=True):
    """Give up a stream that was received in part."""

    run: str
    number: int

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with _locked(session, self.run) as accepted:
            dataset = accepted.dataset(self.number)
            there = read_received(session.host, dataset).get(dataset)
            plan = plan_drop(dataset, str(accepted.offer.name), session.new_op())
            if there is None or not there.token:
                plan = Plan("receive", plan.subject, "guest", reason="there is no partial receive")
            yield _one(session, accepted, plan, journalled=False)


class Complete(Struct, frozen=True):
    """Note that all of a run's snapshot is there."""

    run: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises ConflictError if a dataset of it is missing."""
        with _locked(session, self.run) as accepted:
            offer = accepted.offer
            foreign = _foreign(session, accepted)
            parts = read_parts(session.host, [accepted.place])
            guids, former = {}, _former(foreign)
            left: list[SnapshotPart] = []
            for sent in offer.datasets:
                dataset = f"{accepted.place}/{sent.path}" if sent.path else accepted.place
                own = [part for part in parts if part.dataset == dataset]
                if not own or own[-1].name != offer.snapshot:
                    raise ConflictError(f"{dataset}@{offer.snapshot} has not been received")
                guids[str(sent.path)] = own[-1].guid
                left += _since(own[:-1], former.get(str(sent.path)))
            uuid = identity_from_json(offer.identity).uuid
            tag = tag_for(uuid, own_id(session), str(offer.name))
            replica = standby_of(offer)
            assert replica.origin is not None
            origin = msgspec.structs.replace(
                replica.origin, snapshot=offer.snapshot, time=offer.time, guids=guids
            )
            mains = [p for p in parts if p.dataset == accepted.place and p.holds]
            tags = read_holds(session.host, [part.full for part in mains])
            held = [part for part in mains if tag in tags.get(part.full, ())]
            old = [part for part in held if part.name != offer.snapshot]
            replica = msgspec.structs.replace(replica, origin=origin)
            plan = plan_complete(foreign, offer, replica, tag, session.new_op(), old=old, left=left)
            done = lambda: forget_run(session, accepted)  # noqa: E731
            yield _one(session, accepted, plan, after=done)


def _former(foreign: Foreign) -> Mapping[str, int]:
    """Return the guids of what was there in full before this run, by path."""
    replica = replica_of(foreign)
    return replica.origin.guids if replica and replica.origin else {}


def _since(parts: Sequence[SnapshotPart], guid: int | None) -> Sequence[SnapshotPart]:
    """Return what came after a snapshot: of runs that were cut short."""
    places = [number for number, part in enumerate(parts) if part.guid == guid]
    return parts[places[-1] + 1 :] if places else () if guid else parts


def _foreign(session: Session, accepted: Accepted) -> Foreign:
    found = session.inventory()
    name = str(accepted.offer.name)
    if name not in found.foreign:
        raise ConflictError(f"{name} is not a guest that is received", "the sender begins again")
    return found.foreign[name]


@contextlib.contextmanager
def _locked(session: Session, run: str) -> Iterator[Accepted]:
    """Yield the offer of a run, with the guest's lock."""
    accepted = accepted_run(session, run)
    with session.locked("guest", str(accepted.offer.name), "receive"):
        session.need_mounted(session.inventory(), accepted.layout)
        # Another run may have begun before we had the lock.
        yield accepted_run(session, run)


def _one(
    session: Session,
    accepted: Accepted,
    plan: Plan,
    *,
    journalled: bool = True,
    after: Callable[[], None] | None = None,
) -> Prepared:
    name = str(accepted.offer.name)
    part = Part(plan, journalled=journalled, home=accepted.layout)
    task = Task(name, (part,), plan.reason or "received", after=after)
    return Prepared(session, [task])
