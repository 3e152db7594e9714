"""Send a guest to another host, where it is received by `bsdvirt receive`.

A run asks the other host what it has, takes a snapshot, sends one stream for each dataset, and has
the other host note that all is there. Whatever is cut short, the other host keeps what it had in
full, and the next run goes on with what it has in part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.send.choose import Goal, choose
from bsdvirt.guest.send.plan import complete_step, plan_note, plan_snapshot, plan_streams
from bsdvirt.guest.send.replica import replica_of
from bsdvirt.guest.snapshots.sets import free_name
from bsdvirt.kinds import is_running
from bsdvirt.ops.send.remote import PromotedError, Remote
from bsdvirt.ops.send.source import (
    SAME_HOST,
    Sources,
    held_with,
    needed,
    offer_of,
    own_id,
    read_sources,
    tag_for,
)
from bsdvirt.ops.snapshots.take import RUNNING, name_of
from bsdvirt.plan.step import Plan
from bsdvirt.rows.sizes import human_size
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused, run_part
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.replica import (
    ABSENT,
    MOST_PEERS,
    MOST_WORDS,
    HostId,
    HostWord,
    Interval,
    Peer,
    Replica,
)
from bsdvirt.spec.send import Answer
from bsdvirt.spec.snapshot import SnapshotName, Stamp
from bsdvirt.spec.types import GuestName
from bsdvirt.zfs.sending import read_resumed

BUSY_SECONDS = 60.0
"""How long to wait for another command on the guest, at the end of a run."""


class Send(Struct, frozen=True):
    """Send one guest, running or not. It is foreign on the other host until it is adopted there."""

    guest: str
    host: str
    name: str = ""
    """Its name there; the same by default."""
    pool: str = ""
    limit: int = 0
    """Bytes a second; 0 is no limit."""
    standby: bool = False
    """Keep it up to date there from now on."""
    every: str = ""
    """How often, by the periodic job."""
    look: bool = False
    """It is only planned: the other host is asked, and writes nothing down."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises UsageError for a host, a name or an interval that cannot be one."""
        self._check()
        with (
            session.locked("send", self.guest, f"send to {self.host}"),
            hold(session, [self.guest], "send") as held,
        ):

            def one(name: str) -> Task:
                run = Run(session, self, lambda: held.release(name))
                return run.task()

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])

    def _check(self) -> None:
        parsed(HostWord, self.host, "as ssh(1) takes it", of="host")
        if self.name:
            parsed(GuestName, self.name, "such as web", of="--name")
        if self.every:
            parsed(Interval, self.every, "such as 15m", of="--every")


class Run:
    """One run, planned once the other host has answered."""

    def __init__(self, session: Session, wanted: Send, release: Callable[[], None]) -> None:
        self.session = session
        self.wanted = wanted
        self.remote = Remote(session, wanted.host)
        self.there = wanted.name or wanted.guest
        self.release = release

    def task(self) -> Task:
        """Ask the other host, and plan. The guest's lock is held until its snapshot is taken."""
        self.read()
        self.ask()
        running = self.running()
        parts = (
            Part(self.take(running)),
            Part(self.streams(), journalled=False, again=self._let_go),
            Part(self._note(self.guest), again=self._note_again),
        )
        message = f"sent to {self.wanted.host}"
        if self.wanted.name:
            message += f" as {self.there}"
        return Task(
            self.guest.name, parts, message, tuple(self.notes(running)),
            explain=self._failed, varying=(self.snapshot, self.time, str(self.answer.run)),
            release=lambda: self.release(),
        )  # fmt: skip

    def read(self) -> None:
        """Read the guest."""
        session, wanted = self.session, self.wanted
        inventory = session.inventory()
        guest = inventory.guest(wanted.guest)
        session.need_mounted(inventory, guest.layout)
        self.guest = guest
        self.replica = replica_of(guest) or Replica(role="source")
        self.time = session.draws.time(guest.name)

    def ask(self) -> None:
        """Ask the other host what it has, and choose what is sent."""
        session, wanted, guest = self.session, self.wanted, self.guest
        self._refuse()
        had = [one for one in self.replica.to if (one.host, one.name) == (wanted.host, self.there)]
        self.standby = wanted.standby or any(one.standby for one in had)
        found = read_sources(session, guest)
        # The other host may still have one of the same second that is gone here.
        suffix = session.draws.source(guest.name)(3).hex()
        self.snapshot = free_name(found.snapshots, f"{name_of(self.time)}-{suffix}")
        try:
            self.answer = self._offer(found)
            self.choice = choose(
                found.every, self.answer, self.snapshot, Goal(wanted.host, self.there),
                lambda token: read_resumed(session.host, token),
            )  # fmt: skip
        except PromotedError:
            raise
        except BsdvirtError as error:
            if had and self.standby and not wanted.look:
                self.peer = had[0]
                run_part(session, Part(self._note(guest, error.message)))
            raise
        self.peer = self._peer(self.answer.host)
        self.tag = tag_for(guest.identity.uuid, self.answer.host, self.there)
        self.before = held_with(session, found, self.tag)
        self.others = sum(1 for one in found.snapshots if one.ours) - len(self.before)

    def running(self) -> bool:
        """Return whether the guest runs."""
        return is_running(self.guest, read_jails(self.session.host), self.session.host.fs)

    def _refuse(self) -> None:
        guest, replica = self.guest, self.replica
        if replica.role in ABSENT:
            host = replica.to[0].host if replica.to else "another host"
            raise ConflictError(
                f"{guest.name} is {replica.role}: {host} has it now", f"bsdvirt info {guest.name}"
            )
        if guest.identity.root is not None:
            raise ConflictError(
                f"{guest.name}: its root {guest.identity.root} is a directory of yours, which is"
                " not sent with it",
                "copy it by other means, such as rsync(1)",
            )
        if len(replica.to) >= MOST_PEERS and all(
            one.host != self.wanted.host for one in replica.to
        ):
            raise ConflictError(
                f"{guest.name} is sent to {MOST_PEERS} hosts already",
                f"bsdvirt info {guest.name}",
            )

    def _offer(self, found: Sources) -> Answer:
        wanted, session = self.wanted, self.session
        offer = offer_of(
            session, found, self.there, self.snapshot, self.time,
            standby=self.standby, pool=wanted.pool, look=wanted.look,
        )  # fmt: skip
        try:
            answer = self.remote.ask("offer", offer, Answer)
        except PromotedError as error:
            self._superseded(error)
            raise
        if answer.host == own_id(session):
            raise ConflictError(
                f"{wanted.host} has the same kern.hostuuid as this host, or is this host",
                SAME_HOST,
            )
        return answer

    def _superseded(self, error: PromotedError) -> None:
        """Write down that the other host has the guest now: it must not start here again."""
        guest = self.guest
        if self.wanted.look:
            return
        had = [one for one in self.replica.to if one.host == self.wanted.host]
        replica = msgspec.structs.replace(self.replica, role="superseded", to=had[:1])
        run_part(self.session, Part(plan_note(guest, replica, self.session.new_op())))
        error.hint = (
            f"{guest.name} does not start here any more; if it runs, stop it: it runs on both hosts"
        )

    def _peer(self, host: HostId) -> Peer:
        wanted = self.wanted
        had = next(
            (one for one in self.replica.to if one.id == host and one.name == self.there), None
        )
        fresh = Peer(host=HostWord(wanted.host), id=host, name=GuestName(self.there))
        peer = msgspec.structs.replace(had or fresh, host=HostWord(wanted.host), tried=self.time)
        if not wanted.standby:
            return peer
        every = Interval(wanted.every) if wanted.every else peer.every
        return msgspec.structs.replace(
            peer, standby=True, every=every, limit=wanted.limit or peer.limit,
            pool=wanted.pool or peer.pool,
        )  # fmt: skip

    # ---- plans ----

    def take(self, running: bool) -> Plan:
        """Plan the snapshot, and the removal of those of earlier runs that are not needed."""
        stamp = Stamp(
            time=self.time, why="send", uuid=self.guest.identity.uuid, running=running,
            note=f"to {self.wanted.host}"[:200],
        )  # fmt: skip
        stale = needed(self.before, self.choice.bases)
        op = self.session.new_op()
        return plan_snapshot(self.guest, self.snapshot, stamp, self.tag, op, stale)

    def streams(self) -> Plan:
        """Plan the streams, and that the other host notes the end of them."""
        limit = self.wanted.limit or (self.peer.limit if self.peer.standby else 0)
        run = str(self.answer.run)
        plan = plan_streams(self.guest, self.choice, run, self.remote.argv, limit)
        last = complete_step(self.remote.argv(("receive", "complete", run)), self.wanted.host)
        return msgspec.structs.replace(plan, steps=(*plan.steps, last))

    def sent_to(self, replica: Replica, error: str = "") -> Replica:
        """Return what is written down of a guest, with how this run has ended."""
        peer = self.peer
        if error:
            had = next((one for one in replica.to if one.id == peer.id), peer)
            peer = msgspec.structs.replace(had, tried=self.time, error=error[:MOST_WORDS])
        else:
            peer = msgspec.structs.replace(
                peer, snapshot=SnapshotName(self.snapshot), time=self.time, error=""
            )
        others = [one for one in replica.to if (one.id, one.name) != (peer.id, peer.name)]
        return msgspec.structs.replace(replica, to=[*others, peer])

    def _let_go(self) -> Plan:
        self.release()
        return self.streams()

    def _note(self, guest: Guest, error: str = "") -> Plan:
        """Plan to write down how the run has ended."""
        replica = self.sent_to(replica_of(guest) or Replica(role="source"), error)
        op = self.session.new_op()
        if error:
            return plan_note(guest, replica, op)
        return plan_note(guest, replica, op, stale=self.before, tag=self.tag)

    def _note_again(self, error: str = "") -> Plan:
        """The same, with the guest's lock again."""
        session = self.session
        lock = session.lock("guest", self.guest.name, "send", wait=BUSY_SECONDS)
        self.release = lock.release if lock else lambda: None
        return self._note(session.inventory().guest(self.guest.name), error)

    def _failed(self, error: BsdvirtError) -> BsdvirtError:
        """Write down that the run failed, and say how to go on."""
        with contextlib.suppress(BsdvirtError):
            self.release()
            if self.standby:
                run_part(self.session, Part(self._note_again(error.message)))
                self.release()
        error.hint = error.hint or "the same command goes on where this one ended"
        return error

    def notes(self, running: bool) -> Iterator[str]:
        """Yield what a user is to know."""
        if running:
            yield RUNNING
        whole = sum(one.size for one in self.choice.transfers if not one.token)
        if whole:
            yield f"about {human_size(whole)} are sent in full"
        if rest := self.choice.size - whole:
            yield f"about {human_size(rest)} are left of the run before"
        for path in self.choice.gone:
            yield f"{self.there}/{path} stays on {self.wanted.host}: the guest has it no more"
