"""Change guests: their properties, and what they claim."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec
from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest import forwards
from bsdvirt.guest.change import plan_change
from bsdvirt.guest.claims import settled
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, need_unlocked
from bsdvirt.guest.order import (
    IDENTITY_PREFIX,
    Assignments,
    check_order,
    set_boot,
)
from bsdvirt.kinds import is_running, kind_of, load_spec
from bsdvirt.net import routing
from bsdvirt.net.files import Networks
from bsdvirt.ops.boot.budget import too_long
from bsdvirt.ops.network import macs, pf
from bsdvirt.ops.power.claims import fits, fitting_identity, plan_let_go, room_for
from bsdvirt.ops.power.exclusive import passed_notes
from bsdvirt.ops.power.restart import next_start_notes
from bsdvirt.plan.step import Step
from bsdvirt.record import replace
from bsdvirt.session.batch import hold
from bsdvirt.session.cpus import host_cpus
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.session.view import view_of
from bsdvirt.spec.base import Live
from bsdvirt.spec.differ import changed, differing
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.load import load_guest
from bsdvirt.spec.paths import set_paths


class Wanted(Struct, frozen=True):
    """What a guest is to be: its file's text and spec, before and after."""

    before: str
    after: str
    old: GuestSpec
    new: GuestSpec
    boot: Boot
    destroying: frozenset[str] = frozenset()
    """Removed disks whose zvols are destroyed."""
    gone: int | None = None
    """The number of a removed interface."""


Wish = Callable[[Guest, str, GuestSpec], Wanted]
"""Returns what is wanted of a guest, given the text of its file and its spec."""


class Change(Struct, frozen=True):
    """Change the files of guests, and what they claim. Nothing is written for a guest if any of it
    is wrong."""

    names: tuple[str, ...]
    wish: Wish
    message: str = "set"

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Plan the changes one after the other: each sees what the ones before will claim."""
        with hold(session, self.names, "set") as held, contextlib.ExitStack() as stack:
            found = session.inventory()
            running = read_jails(session.host)
            cases: dict[str, _Case] = {}

            def look(name: str) -> Task:
                live = is_running(found.guest(name), running, session.host.fs)
                cases[name] = _look(session, found, found.guest(name), self.wish, live)
                return Task(name)

            failed = [task for task in plan_each(held.names(), look) if task.error]
            now = _Now(found, session.networks())
            busy: dict[str, BsdvirtError] = {}
            if _lock(session, stack, cases.values(), busy):
                # What was cut short may have been recovered just now.
                now = _Now(session.inventory(), session.networks())

            def plan(name: str) -> Task:
                for network in cases[name].claims_of:
                    if network in busy:
                        raise busy[network]
                return _plan(session, now, cases[name], self.message)

            tasks = [*refused(held.refused), *failed, *plan_each(cases, plan)]
            yield Prepared(session, tasks, parallel=False)


def assign(names: Sequence[str], assignments: Assignments) -> Change:
    """Set properties of guests."""

    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        ours = [a for a in assignments if not a[0].startswith(IDENTITY_PREFIX)]
        wanted = set_paths(spec, ours)
        after = edit_yaml(text, spec, wanted) if wanted != spec else text
        return Wanted(text, after, spec, wanted, set_boot(guest.identity.boot, assignments))

    return Change(tuple(names), wish)


def rewrite(name: str, before: str, after: str) -> Change:
    """Replace the text of a guest's file. Refused if it is no longer `before`."""

    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        if text != before:
            raise ConflictError(
                f"{name}: its file has changed meanwhile", "check it, and edit again"
            )
        path = guest.layout.guest_file(name)
        return Wanted(before, after, spec, load_guest(after, path), guest.identity.boot)

    return Change((name,), wish)


class _Case(Struct, frozen=True):
    """A guest, and what is wanted of it."""

    guest: Guest
    to_be: Wanted
    live: bool
    fits: bool
    """Its claims fit what is wanted."""

    @property
    def claims_of(self) -> set[str]:
        """The networks that it claims interfaces of."""
        return set() if self.fits else {str(nic.network) for nic in self.to_be.new.nics}

    @property
    def exposes(self) -> bool:
        return self.to_be.old.expose != self.to_be.new.expose

    @property
    def names_cpus(self) -> bool:
        """Whether it names other CPUs of the host than before."""
        old, new = self.to_be.old, self.to_be.new
        return [*old.named_cpus()] != [*new.named_cpus()]


class _Now(Struct):
    """The host, with what the changes planned so far will claim and expose."""

    found: Inventory
    networks: Networks
    exposed: dict[str, Sequence[Expose]] = field(default_factory=dict)

    def add(self, case: _Case, identity: Identity) -> None:
        name = case.guest.name
        changed = replace(self.found.guest(name), identity=identity)
        self.found = replace(self.found, guests={**self.found.guests, name: changed})
        self.exposed[name] = case.to_be.new.expose


def _look(session: Session, found: Inventory, guest: Guest, wish: Wish, live: bool) -> _Case:
    """Read the guest's file, and return what is wanted of it. Raises for what cannot be set."""
    need_unlocked(guest)
    session.need_mounted(found, guest.layout)
    spec = load_spec(session.host.fs, guest)
    kind = kind_of(guest)
    text = guest_text(session.host.fs, guest.layout, guest.name)
    to_be = wish(guest, text, spec)
    _refuse_fixed(guest.name, spec, to_be.new)
    if live and to_be.new.template and not spec.template:
        raise ConflictError(f"{guest.name} is running", f"bsdvirt stop {guest.name}")
    kind.check_change(session.host, guest, spec, to_be.new)
    kind.check_ready(guest.name, to_be.new, to_be.boot)
    return _Case(guest, to_be, live, fits(guest.identity, to_be.new, session.networks()))


def _lock(
    session: Session,
    stack: contextlib.ExitStack,
    cases: Collection[_Case],
    busy: dict[str, BsdvirtError],
) -> bool:
    """Take the locks of networks and of the allocation, if a change needs them; return whether one
    does. `busy` gets the errors of networks that cannot be locked."""
    used = {network for case in cases for network in case.claims_of}
    if all(case.fits and not case.exposes and not case.names_cpus for case in cases):
        return False
    verb = f"set {' '.join(case.guest.name for case in cases)}"
    for network in sorted(used):
        try:
            stack.enter_context(session.using(verb, networks=[network]))
        except BsdvirtError as error:
            busy[network] = error
    stack.enter_context(session.locked("allocation", "", verb))
    return True


def _plan(session: Session, now: _Now, case: _Case, message: str) -> Task:
    guest, to_be, live = case.guest, case.to_be, case.live
    old, wanted = to_be.old, to_be.new
    host, kind = session.host, kind_of(guest)
    check_order(now.found, guest.name, to_be.boot, before=guest.identity.boot)
    if to_be.destroying:
        session.refuse_exported(guest.name, "set")
    op = session.new_op()
    notes = _notes(old, wanted) if live else ()
    data = kind.plan_change(host, guest, old, wanted, op, live=live, destroying=to_be.destroying)
    notes += data.notes + macs.notes(session, guest.name, wanted)
    notes += passed_notes(session, now.found, guest.name, wanted)
    identity = guest.identity
    if not case.fits:
        identity = fitting_identity(
            session, guest, wanted, now.found, now.networks, before=old, gone=to_be.gone,
            live=live, random_bytes=session.draws.source(guest.name),
        )  # fmt: skip
    cpus = _Cpus(session, now.found, guest.name, identity)
    if case.names_cpus:
        cpus.after.refuse(guest.name, wanted)
    was, then = cpus.before.given(guest.name, old), cpus.after.given(guest.name, wanted)
    at_once = kind.live_steps(host, guest, was, then) if live else []
    if case.exposes:
        here = guest if live else replace(guest, identity=settled(identity))
        facts = None if forwards.by_bhyve(here, wanted) else pf.read(session)
        forwards.check(host, now.found, guest.name, wanted, facts, now.exposed)
        if live:
            at_once += forwards.live_steps(guest, wanted, facts)
            notes += forwards.live_notes(wanted, guest, facts)
    if old.nics != wanted.nics:
        routing.check(guest.name, list(zip(wanted.nics, settled(identity).nics, strict=True)))
    if identity.cpus is not None and identity.cpus != guest.identity.cpus:
        notes += (f"its CPUs are {identity.cpus.cpus} now",)
    if old.stop != wanted.stop and (late := too_long(session, wanted)):
        notes += (late,)
    identity = msgspec.structs.replace(identity, boot=to_be.boot)
    if live:
        at_once += kind.reread_steps(host, replace(guest, identity=identity), was, then)
        at_once += cpus.watcher_steps(guest)
    if _matters_at_start(old, wanted):
        later = replace(guest, identity=settled(identity))
        notes += next_start_notes(session, now.found, later, wanted, now.networks)
    view = view_of(session, now.found, now.networks)
    notes += kind.change_notes(view, guest, old, wanted, settled(identity))
    claims = {guest.name: identity.cpus}
    room = room_for(session, guest.name, [*now.found.guests.values()], claims)
    plan = plan_change(
        guest, op, before=to_be.before, after=to_be.after,
        identity=identity, first=data.steps, live=[*at_once, *room], finish=data.finish,
        notes=notes,
    )  # fmt: skip
    let_go = plan_let_go(session, guest, identity)
    parts = (Part(let_go), Part(plan)) if not let_go.empty else (Part(plan),)
    now.add(case, identity)
    return Task(guest.name, parts, message, notes)


class _Cpus:
    """What guests have claimed of the host's CPUs, before and after a change."""

    def __init__(self, session: Session, found: Inventory, name: str, identity: Identity) -> None:
        guests = found.guests.values()
        self.host = session.host
        self.before = host_cpus(session, guests)
        self.after = host_cpus(session, guests, {name: identity.cpus})

    def watcher_steps(self, guest: Guest) -> list[Step]:
        """Move the guest's own supervisor off CPUs that a guest has for itself now."""
        if self.before.open == self.after.open:
            return []
        return kind_of(guest).watcher_steps(self.host, guest, self.after.open)


def _matters_at_start(before: GuestSpec, after: GuestSpec) -> bool:
    """Return whether the change affects the next start."""
    later = (Live.START, Live.REBOOT)
    return before.hooks != after.hooks or any(changed(before, after, live) for live in later)


def _refuse_fixed(name: str, before: GuestSpec, after: GuestSpec) -> None:
    if type(before) is not type(after):
        raise ConflictError(f"{name}: its kind is fixed", "create another guest")
    for fixed in changed(before, after, Live.NEVER):
        raise ConflictError(f"{name}: {fixed} is fixed at creation", "create another guest with it")


WHEN = {Live.REBOOT: "when the guest next reboots", Live.START: "at the next start"}


def _notes(before: GuestSpec, after: GuestSpec) -> tuple[str, ...]:
    return tuple(
        f"{path} takes hold {words}"
        for live, words in WHEN.items()
        for path, when in differing(before, after)
        if when == live
    )
