"""No longer send a guest to a host."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from bsdvirt.errors import ConflictError, NotFoundError
from bsdvirt.guest.send.plan import drop_steps, note_step
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.ops.send.source import held_with, read_sources, tag_for
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.replica import ABSENT


class Forget(Struct, frozen=True):
    """Forget that a guest is sent to a host, and remove its snapshots for that here. What is on
    that host stays there."""

    guest: str
    host: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with (
            session.locked("send", self.guest, f"forget {self.host}"),
            hold(session, [self.guest], "send") as held,
        ):

            def one(name: str) -> Task:
                return self._task(session, name)

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])

    def _task(self, session: Session, name: str) -> Task:
        guest = session.inventory().guest(name)
        replica = replica_of(guest)
        going = [one for one in (replica.to if replica else ()) if one.host == self.host]
        if replica is None or not going:
            raise NotFoundError(f"{name} is not sent to {self.host}", f"bsdvirt info {name}")
        if replica.role in ABSENT:
            raise ConflictError(
                f"{name} is {replica.role}: {self.host} has it now",
                f"bsdvirt destroy {name} drops it here",
            )
        stays = [one for one in replica.to if one.host != self.host]
        after = msgspec.structs.replace(replica, to=stays)
        found = read_sources(session, guest)
        tags = [tag_for(guest.identity.uuid, one.id, one.name) for one in going]
        steps = [step for tag in tags for step in drop_steps(held_with(session, found, tag), tag)]
        note = note_step(guest, after if stays or replica.origin else None)
        plan = Plan("forget", name, "guest", (note,), tuple(steps), op=session.new_op())
        return Task(name, (Part(plan),), f"no longer sent to {self.host}; what is there stays")
