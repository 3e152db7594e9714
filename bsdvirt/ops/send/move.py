"""Move a guest to another host: it is sent while it runs, then stopped, and what has changed since
is sent; there it keeps its claims where they are free, and starts if it ran.

At each moment one of the two hosts may start it, whatever is cut short:

| what was done last                  | here           | there                               |
|-------------------------------------|----------------|-------------------------------------|
| it is sent, while it runs           | may start      | standby: not promoted, as this      |
|                                     |                | host has not given it up            |
| it is stopped                       | may start      | the same                            |
| the last increment is there         | may start      | the same, with all data             |
| it is marked as moved here          | never starts   | may start: promote is agreed to     |
| it is adopted there                 | never starts   | may start: it is that host's        |
| it is started there                 | never starts   | runs                                |

The mark is one `zfs set`: by it, the right to start the guest changes hands. The same command goes
on from each of these states; `--back` goes back from the last but two and the last but one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.host import read_host
from bsdvirt.guest.send.moved import (
    plan_adopted_there,
    plan_given,
    plan_taken_back,
    writable,
)
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.layout import RUN_FILES
from bsdvirt.ops.power.stop import stop_task
from bsdvirt.ops.send.remote import Remote
from bsdvirt.ops.send.send import Run, Send
from bsdvirt.ops.send.source import label, own_id
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.load import identity_to_json
from bsdvirt.spec.replica import ABSENT, Replica
from bsdvirt.spec.send import Done, Hand
from bsdvirt.spec.types import GuestName
from bsdvirt.zfs.values import read_values

START, STAY = "start", "stay"
"""Whether the other host is to start it."""


class Move(Send, frozen=True):
    """Stop a guest that was sent, send the rest, and give it to the other host."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        self._check()
        with (
            session.locked("send", self.guest, f"move to {self.host}"),
            hold(session, [self.guest], "move") as held,
        ):

            def one(name: str) -> Task:
                return _Moving(session, self, lambda: held.release(name)).task()

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])


class _Moving(Run):
    """One move, after the guest was sent."""

    def task(self) -> Task:
        self.read()
        if self.replica.role == "moved":
            return self._go_on()
        self.ask()
        session, guest = self.session, self.guest
        running = self.running()
        stop = stop_task(session, session.inventory(), read_host(session.host, *RUN_FILES), guest)
        adopted = self._adopted(START if running else STAY)
        parts = (
            *stop.parts,
            Part(self.take(running=False)),
            Part(self.streams(), journalled=False),
            Part(self._given(), again=self._given),
            Part(adopted, journalled=False),
        )
        return Task(
            guest.name, parts, f"moved to {self.wanted.host}", tuple(self.notes(running=False)),
            explain=self._explain, varying=(self.snapshot, self.time, str(self.answer.run)),
        )  # fmt: skip

    def notes(self, running: bool) -> Iterator[str]:
        yield from super().notes(running)
        if self.others:
            many = f"{self.others} snapshots stay" if self.others > 1 else "a snapshot stays"
            yield f"{many} here: {self.wanted.host} gets the guest as it is now"

    def _go_on(self) -> Task:
        """Have the other host adopt what it was given."""
        peer = next(iter(self.replica.to), None)
        if peer is None or (peer.host, peer.name) != (self.wanted.host, self.there):
            host = peer.host if peer else "another host"
            raise ConflictError(
                f"{self.guest.name} was moved to {host}", f"bsdvirt info {self.guest.name}"
            )
        part = Part(self._adopted(STAY), journalled=False)
        return Task(self.guest.name, (part,), f"moved to {peer.host}", explain=self._explain)

    def _given(self) -> Plan:
        """Plan to mark it as moved: the data there is all there is."""
        session = self.session
        guest = session.inventory().guest(self.guest.name)
        replica = self.sent_to(replica_of(guest) or Replica(role="source"))
        peers = sorted(replica.to, key=lambda one: one.id != self.peer.id)
        names = [dataset.name for dataset in guest.datasets]
        values = read_values(session.host, names, ("readonly",))
        open_ones = writable((name, held["readonly"].value) for name, held in values.items())
        moved = Replica(role="moved", to=peers, origin=replica.origin)
        return plan_given(guest, moved, open_ones, session.new_op())

    def _adopted(self, how: str) -> Plan:
        words = ("receive", "adopt", self.there, self.guest.identity.uuid, how)
        argv = self.remote.argv(words)
        return plan_adopted_there(self.guest, argv, self.wanted.host, self.session.new_op())

    def _explain(self, error: BsdvirtError) -> BsdvirtError:
        name, host = self.guest.name, self.wanted.host
        with contextlib.suppress(BsdvirtError):
            now = replica_of(self.session.inventory().guest(name))
            if now is not None and now.role in ABSENT:
                error.hint = (
                    f"{name} is {host}'s now: bsdvirt send {name} {host} --move goes on; "
                    f"bsdvirt send {name} {host} --back takes it back"
                )
                return error
        error.hint = (
            f"{name} is still this host's: bsdvirt send {name} {host} --move goes on;"
            f" bsdvirt start {name} starts it here"
        )
        return error


class Back(Send, frozen=True):
    """Take a guest back that was given to another host, if that agrees."""

    force: bool = False
    """Even if it does not."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        self._check()
        with hold(session, [self.guest], "take back") as held:
            yield Prepared(
                session,
                [
                    *refused(held.refused),
                    *plan_each(held.names(), lambda name: _back(session, self, name)),
                ],
            )


def _back(session: Session, wanted: Back, name: str) -> Task:
    guest = session.inventory().guest(name)
    replica = replica_of(guest)
    if replica is None or replica.role not in ABSENT:
        raise ConflictError(f"{name} was not given to another host", f"bsdvirt info {name}")
    peer = next(iter(replica.to), None)
    hand = Hand(
        host=own_id(session), label=label(session), guest=GuestName.parse(name),
        name=peer.name if peer else GuestName.parse(wanted.name or name),
        uuid=guest.identity.uuid, look=wanted.look,
        identity=identity_to_json(guest.identity),
    )  # fmt: skip

    def ask() -> None:
        try:
            Remote(session, wanted.host).ask("back", hand, Done)
        except BsdvirtError as error:
            if not wanted.force:
                raise
            text = f"{error.message}; going on, because of --force"
            session.sink(events.Warned("", "take back", name, text))

    if wanted.look:
        ask()
    plan = plan_taken_back(guest, replica, session.new_op())
    task = Task(name, (Part(plan),), "taken back; it can be started here")
    return replace(task, before=ask)
