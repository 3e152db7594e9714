"""Promote a standby: it takes the place of the guest that it is of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.guest.inventory import Foreign, Inventory
from bsdvirt.guest.send.adopted import refuse_adoption
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.guest.send.target import plan_settle
from bsdvirt.ops.adopt import Adopt
from bsdvirt.ops.send.adopted import read_unfinished
from bsdvirt.ops.send.remote import Remote
from bsdvirt.ops.send.source import label, own_id
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import Outcome, hold
from bsdvirt.session.prepared import Part, Prepared, Task, carry_out_one, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.replica import Origin
from bsdvirt.spec.send import Done, Yield
from bsdvirt.spec.types import GuestName


def standby(found: Inventory, name: str) -> tuple[Foreign, Origin]:
    """Return a guest that was received, and where from. Raises ConflictError, NotFoundError."""
    if name not in found.foreign:
        found.guest(name)
        raise ConflictError(f"{name} is no standby", f"bsdvirt info {name}")
    foreign = found.foreign[name]
    replica = replica_of(foreign)
    if replica is None:
        raise ConflictError(f"{name} is no standby", f"bsdvirt adopt {name}")
    return foreign, refuse_adoption(foreign, replica)


class Fence(Struct, frozen=True):
    """Have the other host give the guest up, and go back to the snapshot that is here in full."""

    name: str
    source: str = ""
    """The other host as ssh(1) takes it; by default, the name that it gave itself."""
    force: bool = False
    """Go on if it does not."""
    look: bool = False
    """The other host is only asked."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with hold(session, [self.name], "promote") as held:
            yield Prepared(
                session,
                [
                    *refused(held.refused),
                    *plan_each(held.names(), lambda name: self._task(session, name)),
                ],
            )

    def _task(self, session: Session, name: str) -> Task:
        foreign, origin = standby(session.inventory(), name)
        left = read_unfinished(session, foreign, origin)
        plan = Plan("settle", name, "guest", reason=f"it is as of {origin.time}")
        if left:
            plan = plan_settle(
                foreign, str(origin.snapshot), left.partial, left.later, session.new_op()
            )
        if self.look:
            self._ask(session, name, origin)
        return Task(name, (Part(plan),), before=lambda: self._ask(session, name, origin))

    def _ask(self, session: Session, name: str, origin: Origin) -> None:
        """Ask the other host. Raises ConflictError if it does not give the guest up, or does not
        answer."""
        host = self.source or origin.host
        asked = Yield(
            host=own_id(session), label=label(session), guest=origin.name,
            name=GuestName.parse(name), uuid=origin.uuid, look=self.look,
        )  # fmt: skip
        try:
            Remote(session, host).ask("yield", asked, Done)
        except BsdvirtError as error:
            if self.force:
                text = f"{error.message}; going on, because of --force"
                session.sink(events.Warned("", "promote", name, text))
                return
            raise ConflictError(
                f"{name} may be in use on {host}: {error.message}",
                f"stop it there; if that host is down for good, bsdvirt standby promote {name}"
                f" --force; --source HOST, if ssh(1) knows it by another name",
            ) from None


def promote(
    session: Session, name: str, *, source: str = "", force: bool = False, look: bool = False
) -> Outcome:
    """Promote a standby; return the outcome. It keeps its identity and claims where they are free
    here."""
    fenced = carry_out_one(session, Fence(name, source, force, look))
    found = session.inventory()
    foreign, origin = standby(found, name)
    if look and read_unfinished(session, foreign, origin):
        return fenced
    try:
        done = carry_out_one(session, Adopt((name,), keep=True, promoted=True))
        notes: tuple[str, ...] = ()
    except ConflictError as error:
        done = carry_out_one(session, Adopt((name,), promoted=True))
        notes = (f"it has new claims: {error.message}",)
    when = f"it is as of {origin.time}: later changes are on {origin.host} only"
    return Outcome(name, f"promoted; {done.message}", notes=(when, *notes, *done.notes))
