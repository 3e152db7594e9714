"""Create guests of either kind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

from msgspec import Struct, structs
from msgspec.structs import replace

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest import forwards, logs
from bsdvirt.guest.claims import claim_nics, free_id
from bsdvirt.guest.inventory import Guest, Inventory, refuse_stray
from bsdvirt.guest.order import check_order
from bsdvirt.kinds import kind_of_spec
from bsdvirt.layout import Layout
from bsdvirt.net.files import Networks
from bsdvirt.ops.network import macs, pf
from bsdvirt.ops.power.claims import room_for, with_cpus
from bsdvirt.plan import events
from bsdvirt.plan.locks import Lock
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.batch import Held, Outcome, hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import uuid_of
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import TagName


class Around(Struct, frozen=True):
    """What creating guests depends on, read once for all of them."""

    session: Session
    found: Inventory
    networks: Networks
    home: Layout
    """The pool that they are created on."""
    coming: bool
    start: bool


class Maker(Protocol):
    """What is particular to the guests of one kind, with the facts that it depends on."""

    def claim(self, guest: Guest, known: Sequence[Guest]) -> Identity:
        """Check one guest, and return its identity with what its kind adds. Raises as the
        kind's checks do."""

    def plan(self, guest: Guest, op: str) -> Plan:
        """Plan its creation."""

    def contents(self) -> str | None:
        """Return a directory with the contents of the new roots; None if there is none."""

    def words(self, guest: Guest) -> tuple[str, tuple[str, ...]]:
        """Return the message and the notes to report."""


class Order(Protocol):
    """What guests of one kind are made of."""

    @property
    def spec(self) -> GuestSpec: ...
    @property
    def releases(self) -> tuple[str, ...]:
        """The release that their roots are made of, if any."""

    @property
    def images(self) -> tuple[str, ...]:
        """The image that their first disks are made of, if any."""

    def read(self, name: str, boot: Boot, around: Around) -> Maker:
        """Read the facts, and check what would fail for every one of them; `name` is the
        first."""


class Create(Struct, frozen=True):
    """Create guests, each with an id, a UUID, MAC and IP addresses of its own."""

    names: tuple[str, ...]
    order: Order
    boot: Boot = Boot()
    pool: Layout | None = None
    """The pool to create them on; None is the first."""
    start: bool = False
    """Start them once all are created. One whose start would be refused is not created."""
    coming: bool = False
    """The release or image that they are made of exists, or is about to be added."""
    tags: tuple[TagName, ...] = ()
    journal: Layout | None = None
    """The pool that the journals are kept on; None is that of the guests."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        order = self.order
        networks = [str(nic.network) for nic in order.spec.nics]
        using = session.using(
            "create", networks=networks, releases=order.releases, images=order.images,
            pool=self.pool,
        )  # fmt: skip
        with hold(session, self.names, "create") as held, contextlib.ExitStack() as stack:
            stack.enter_context(using)
            yield self.planned(session, held, stack)

    def planned(self, session: Session, held: Held, stack: contextlib.ExitStack) -> Prepared:
        """Plan the creations. The locks of the guests are held; `stack` has those of what they are
        made of."""
        claims = Claiming(session, [name for name in self.names if name in held.locks])
        stack.callback(claims.end)

        def then(created: list[Outcome]) -> list[Outcome]:
            # What they were made of, and their networks, are others' to use again.
            stack.close()
            return _started(session, held, created)

        tasks = [*refused(held.refused), *self._tasks(session, held, claims)]
        return Prepared(session, tasks, then=then if self.start else None)

    def _tasks(self, session: Session, held: Held, claims: Claiming) -> list[Task]:
        # What lies beneath the guests matters for a start only.
        found, networks = session.inventory(shallow=not self.start), session.networks()
        session.need_mounted(found, self.pool)
        warn_absent(session, found)
        self._check_exposed(session, found)
        home = self.pool or found.layout
        around = Around(session, found, networks, home, self.coming, self.start)
        maker = self.order.read(self.names[0], self.boot, around)
        known = list(found.guests.values())
        guests: dict[str, Guest] = {}

        def claim(name: str) -> Task:
            identity = self._identity(session, name, found, known, networks)
            guest = Guest(name, home, maker.claim(Guest(name, home, identity), known))
            guests[name] = guest
            known.append(guest)
            return Task(name)

        def plan(name: str) -> Task:
            planned = {guest.name: guest.identity.cpus for guest in guests.values()}
            room = room_for(session, name, [*found.guests.values()], planned)
            return self._task(
                session, maker, guests[name], claims, held, starts.get(name, []), room
            )

        claimed = plan_each((name for name in self.names if name in held.locks), claim)
        failed = [task for task in claimed if task.error]
        starts: dict[str, list[Plan]] = {}
        if self.start:
            starts, wrong = self._starts(session, found, guests, networks, maker)
            failed += wrong
        wanted = [name for name in guests if not self.start or name in starts]
        tasks = [*failed, *plan_each(wanted, plan)]
        for task in tasks:
            if task.error:
                claims.settled(task.name)
        return tasks

    def _check_exposed(self, session: Session, found: Inventory) -> None:
        """Raises UsageError, ConflictError, NotFoundError for ports that cannot be exposed."""
        spec = self.order.spec
        if not spec.expose:
            return
        if len(self.names) > 1:
            raise UsageError(
                "expose goes with one name only", "expose the ports with bsdvirt expose later"
            )
        direct = bool(spec.nics) and all(nic.has_user_networking for nic in spec.nics)
        facts = None if direct else pf.read(session)
        forwards.check(session.host, found, self.names[0], spec, facts)

    def _identity(
        self,
        session: Session,
        name: str,
        found: Inventory,
        known: Sequence[Guest],
        networks: Networks,
    ) -> Identity:
        spec, release = self.order.spec, "".join(self.order.releases)
        identity = new_identity(
            session, name, spec, self.boot, found, known, networks, release=release
        )
        macs.notes(session, name, spec)
        return structs.replace(identity, tags=list(self.tags))

    def _starts(
        self,
        session: Session,
        found: Inventory,
        guests: dict[str, Guest],
        networks: Networks,
        maker: Maker,
    ) -> tuple[dict[str, list[Plan]], list[Task]]:
        """Plan their starts; return the plans, and the tasks of those that would be refused."""
        # Imported here: most guests are started later.
        from bsdvirt.ops.power.restart import start_of_new

        parts = {name: (guest, self.order.spec) for name, guest in guests.items()}
        contents = maker.contents()
        stand_ins = dict.fromkeys(guests, contents) if contents is not None else {}
        starts, outcomes = start_of_new(session, found, parts, networks, stand_ins)
        return starts, refused(outcomes)

    def _task(
        self,
        session: Session,
        maker: Maker,
        guest: Guest,
        claims: Claiming,
        held: Held,
        starts: Sequence[Plan],
        room: Sequence[Step],
    ) -> Task:
        name = guest.name
        settled = partial(claims.settled, name)
        plan = logs.for_new(session.host.fs, name, maker.plan(guest, session.new_op()))
        plan = structs.replace(plan, steps=(*plan.steps, *room))
        first = Part(plan, home=self.journal or guest.layout, claimed=settled)
        message, notes = maker.words(guest)

        def release() -> None:
            settled()
            if not self.start:
                held.release(name)

        parts = (first, *(Part(start, later=True) for start in starts))
        return Task(name, parts, message, notes, release=release)


def _started(session: Session, held: Held, created: list[Outcome]) -> list[Outcome]:
    """Start the guests that were created; return the outcomes of both."""
    from bsdvirt.ops.power.start import start_held

    made = {outcome.name: outcome for outcome in created if outcome.ok}
    outcomes = [outcome for outcome in created if not outcome.ok]
    for begun in start_held(session, held, list(made)) if made else ():
        if begun.error is not None:
            # It is created all the same.
            hint = begun.error.hint or f"bsdvirt logs {begun.name}"
            begun.error.hint = f"{begun.name} is created; {hint}"
        first = made[begun.name]
        notes = tuple(dict.fromkeys((*first.notes, *begun.notes)))
        outcomes.append(replace(begun, message=f"{first.message}; {begun.message}", notes=notes))
    return sorted(outcomes, key=lambda outcome: outcome.name)


class Claiming:
    """Holds the allocation lock until each new guest's claims are in its dataset."""

    def __init__(self, session: Session, names: Sequence[str]) -> None:
        self._lock: Lock | None = session.lock("allocation", "", "create")
        self._left = set(names)
        self._guard = threading.Lock()

    def settled(self, name: str) -> None:
        """The guest's claims are written, or never will be."""
        with self._guard:
            self._left.discard(name)
            if not self._left:
                self._release()

    def end(self) -> None:
        """Release the lock in any case."""
        with self._guard:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def warn_absent(session: Session, found: Inventory) -> None:
    """Warn of pools whose ids and addresses are not known now."""
    for pool in found.absent:
        text = f"{pool.message}; a new guest may get an id or an address of theirs"
        session.sink(events.Warned("", "create", pool.name, text))


def new_identity(
    session: Session,
    name: str,
    spec: GuestSpec,
    boot: Boot,
    found: Inventory,
    known: Sequence[Guest],
    networks: dict[str, Network],
    *,
    release: str = "",
) -> Identity:
    """Return the identity of a new guest, with its identity and claims; `known` are the guests
    that have claims. The allocation lock is held.

    Raises ConflictError where the name is taken, and as claim_nics does.
    """
    if name in found.guests:
        raise ConflictError(f"guest {name} already exists", f"bsdvirt info {name}")
    refuse_stray(found, name)
    check_order(found, name, boot)
    kind, random = kind_of_spec(spec), session.draws.source(name)
    identity = Identity(
        id=free_id(known),
        uuid=uuid_of(random(16)),
        kind=kind.name,
        created=session.draws.time(name),
        release=release,
        nics=claim_nics(name, spec, (), known, networks, random),
        boot=boot,
        template=spec.template,
        host=session.host_id,
    )
    identity = kind.claim(name, identity, spec, known, random)
    return with_cpus(session, name, spec, identity, known, fresh=True)


def made(origin: str, identity: Identity) -> str:
    """Return the message for a new guest, with the addresses and CPUs that it was given."""
    addresses = [claim.address or claim.address6 for claim in identity.nics]
    addresses += [alias.address for alias in identity.shared]
    addresses += [f"CPUs {identity.cpus.cpus}"] if identity.cpus else []
    where = ", ".join(text for text in addresses if text)
    return " ".join(("created", origin)).strip() + (f", {where}" if where else "")
