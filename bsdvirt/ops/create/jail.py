"""Create jails; what creating guests of either kind needs."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bsdvirt.errors import ConflictError, NotFoundError, UsageError, as_told
from bsdvirt.facts.host import read_interfaces, read_jails, read_kernel
from bsdvirt.guest import forwards, logs
from bsdvirt.guest.claims import claim_nics, free_id
from bsdvirt.guest.inventory import (
    Guest,
    Inventory,
    refuse_stray,
)
from bsdvirt.guest.order import check_order
from bsdvirt.jail import settings
from bsdvirt.jail.create import plan_create
from bsdvirt.jail.datasets import check_storage
from bsdvirt.jail.facts.datasets import read_storage_facts
from bsdvirt.jail.facts.settings import read_own
from bsdvirt.jail.mounted import overlapping, refuse_jail
from bsdvirt.jail.root import FROM_RELEASE, Origin, check_root, check_settings, rooted
from bsdvirt.jail.stack import check_host, claim_shared, shared_claims
from bsdvirt.jail.start import check_kernel, resolver_of
from bsdvirt.layout import Layout
from bsdvirt.library.entries import stream_size
from bsdvirt.library.plans.releases import refuse_newer
from bsdvirt.ops.create import notes
from bsdvirt.ops.network import macs, pf
from bsdvirt.ops.power import hooks
from bsdvirt.ops.power.jails import host_resolver, read_answering
from bsdvirt.ops.power.restart import start_of_new
from bsdvirt.plan import events
from bsdvirt.plan.locks import Lock
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.batch import Held, Outcome, hold, in_parallel
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made: for each name the same."""

    names: tuple[str, ...]
    jail: Jail
    boot: Boot = Boot()
    thick: bool = False
    origin: Origin = FROM_RELEASE
    pool: Layout | None = None
    """The pool to create them on; None is the first."""

    @property
    def releases(self) -> list[str]:
        """The release that the roots are made of, if they are."""
        return [self.jail.release] if self.origin.kind == "release" else []


def create(session: Session, order: Order, *, start: bool = False) -> list[Outcome]:
    """Make jails, each with an id, MAC and IP addresses of its own. Where they are to `start`
    then, one whose start would be refused is not made; a dry run shows both."""
    with hold(session, order.names, "create") as held:
        outcomes = list(held.refused)
        networks = [str(nic.network) for nic in order.jail.nics]
        with session.using("create", networks=networks, releases=order.releases, pool=order.pool):
            claims = Claiming(session, held.names())
            try:
                found = session.inventory()
                session.need_mounted(found, order.pool)
                warn_absent(session, found)
                _check(session, order, found)
                if len(order.names) > 1 and order.jail.expose:
                    raise UsageError("expose goes with one name only", "leave it to expose")
                if order.jail.expose:
                    name, facts = order.names[0], pf.read(session)
                    forwards.check(session.host, found, name, order.jail, facts)
                outcomes += _create_all(session, held, order, found, claims, start)
            finally:
                claims.end()
    return sorted(outcomes, key=lambda outcome: outcome.name)


class Claiming:
    """Holds the allocation lock until each new guest's claims stand in its dataset."""

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
        with self._guard:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def warn_absent(session: Session, found: Inventory) -> None:
    """Say whose ids and addresses nobody knows now."""
    for root in found.absent:
        text = f"{root.message}; what is made now may get an id or an address of theirs"
        session.sink(events.Warned("", "create", root.name, text))


def _how_to_get(release: str, known: Iterable[str]) -> str:
    """What to do for a release that is not here."""
    if near := sorted(one for one in known if one.startswith(f"{release}-")):
        return f"did you mean --release {near[-1]}?"
    return (
        f"bsdvirt release fetch {release}, or bsdvirt release add DIR with its base.txz and"
        " MANIFEST"
    )


def _check(session: Session, order: Order, found: Inventory) -> None:
    """What would fail for every one of them."""
    jail, origin = order.jail, order.origin
    releases = {dataset.name.rpartition("/")[2] for dataset in found.releases(order.pool)}
    if origin.kind == "release" and jail.release not in releases and not session.dry_run:
        known = ", ".join(sorted(releases)) or "none"
        raise NotFoundError(
            f"no release {jail.release}; there is {known}",
            _how_to_get(str(jail.release), releases),
        )
    kernel = read_kernel(session.host, params=bool(jail.params))
    for release in order.releases:
        refuse_newer(release, kernel.release)
    check_kernel("cpuset", jail, kernel)
    if aliases := shared_claims(jail):
        check_host("create", aliases, read_interfaces(session.host))


def _create_all(
    session: Session,
    held: Held,
    order: Order,
    found: Inventory,
    claims: Claiming,
    start: bool,
) -> list[Outcome]:
    networks = session.networks()
    home = order.pool or found.layout
    size = stream_size(session, f"{home.release(order.jail.release)}@base") if order.thick else 0
    jails = read_jails(session.host).values() if order.origin.adopted else ()
    identities: dict[str, Identity] = {}
    outcomes: list[Outcome] = []
    known = list(found.guests.values())
    for name in (name for name in order.names if name in held.locks):
        try:
            identity = new_identity(
                session,
                name,
                order.jail,
                order.boot,
                found,
                known,
                networks,
                release="".join(order.releases),
            )
            macs.notes(session, name, order.jail)
            if order.origin.adopted:
                check_root(order.origin.path, known, session.pools.layouts)
                for jail in overlapping(order.origin.path, jails):
                    refuse_jail(order.origin.path, jail)
                check_settings(order.jail)
                identity = rooted(identity, order.origin)
            if order.jail.datasets:
                made = Guest(name, home, identity)
                facts = read_storage_facts(session.host, made, order.jail)
                check_storage(made, order.jail, facts)
        except Exception as error:
            claims.settled(name)
            outcomes.append(Outcome(name, error=as_told(error)))
            continue
        identities[name] = identity
        known.append(Guest(name, home, identity))

    begun: dict[str, list[Plan]] = {}
    if start:
        parts = {n: (Guest(n, home, identity), order.jail) for n, identity in identities.items()}
        like = {n: home.release_directory(order.jail.release) for n in parts if order.releases}
        begun, refused = start_of_new(session, found, parts, networks, like)
        for outcome in refused:
            claims.settled(outcome.name)
            del identities[outcome.name]
        outcomes += refused

    resolv = host_resolver(session.host)[0]
    answering = read_answering(session.host, resolv)

    def shown() -> settings.OwnFacts | None:
        """What the root that theirs are copies of shows."""
        if not order.releases:
            return None
        root = home.release_directory(str(order.jail.release))
        return read_own(session.host.fs, root, order.jail)

    def last_steps(name: str) -> tuple[Step, ...]:
        guest = Guest(name, home, identities[name])
        facts = shown()
        first = settings.steps(guest, order.jail, facts) if facts is not None else []
        return (*first, *hooks.steps(session, "created", order.jail.hooks.created, guest))

    def one(name: str) -> Outcome:
        try:
            plan = plan_create(
                name, order.jail, identities[name], home, session.new_op(),
                thick=order.thick, size=size, origin=order.origin, hooks=last_steps(name),
            )  # fmt: skip
            plan = logs.for_new(session.host.fs, name, plan)
            session.run(plan, claimed=lambda: claims.settled(name), home=home)
            show_all(session, begun.get(name, ()))
        finally:
            claims.settled(name)
            held.release(name)
        told = macs.notes(session, name, order.jail)
        root = None if start else shown()
        told += notes.notes(name, order.jail, identities[name], networks, root)
        made = Guest(name, home, identities[name])
        why, remedy = resolver_of(made, order.jail, networks, resolv, answering)[1:]
        told += (f"{why} ({remedy})",) if why and not start else ()
        origin = order.origin.words or f"from {order.jail.release}"
        return Outcome(name, notes.made(origin, identities[name]), notes=told)

    return outcomes + in_parallel(session, identities, one)


def show_all(session: Session, plans: Iterable[Plan]) -> None:
    """In a dry run, what comes after the making."""
    if session.show is not None:
        for plan in plans:
            session.show(plan)


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
    """Who a new guest is, and what it claims of the host; `known` are the guests that have
    claims. The allocation lock is held.

    Raises ConflictError where the name is taken, and as claim_nics does.
    """
    if name in found.guests:
        raise ConflictError(f"guest {name} is there already", f"bsdvirt info {name}")
    refuse_stray(found, name)
    check_order(found, name, boot)
    random_bytes = session.draws.source(name)
    return Identity(
        id=free_id(known),
        uuid=str(uuid.UUID(bytes=random_bytes(16), version=4)),
        kind="jail" if isinstance(spec, Jail) else "vm",
        created=session.draws.time(name),
        release=release,
        nics=claim_nics(name, spec, (), known, networks, random_bytes),
        shared=claim_shared(name, spec, known) if isinstance(spec, Jail) else [],
        boot=boot,
        host=session.host_id,
    )
