"""Change guests: their properties, and what they claim."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from bsdvirt.bhyve.change import change_volumes
from bsdvirt.bhyve.check import check_host as check_vm_host
from bsdvirt.bhyve.cloud import guest as seed
from bsdvirt.bhyve.rundir import is_running
from bsdvirt.errors import ConflictError
from bsdvirt.facts.host import read_interfaces, read_jails, read_kernel, read_mask, read_rules
from bsdvirt.facts.vmm import read_vmm
from bsdvirt.guest import forwards
from bsdvirt.guest.change import plan_change
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, load_guest_file, need_unlocked
from bsdvirt.guest.order import (
    IDENTITY_PREFIX,
    Assignments,
    check_order,
    check_ready,
    set_boot,
)
from bsdvirt.jail.datasets import (
    StorageFacts,
    change_steps,
    check_storage,
    kept_notes,
    needs_values,
)
from bsdvirt.jail.facts.datasets import read_storage
from bsdvirt.jail.live import LiveFacts, live_steps, touches_kernel
from bsdvirt.jail.root import check_settings
from bsdvirt.jail.stack import check_host, shared_claims
from bsdvirt.jail.start import check_kernel
from bsdvirt.net import routing
from bsdvirt.net.files import Networks
from bsdvirt.ops.boot.budget import too_long
from bsdvirt.ops.create import notes as newly
from bsdvirt.ops.network import macs, pf
from bsdvirt.ops.power import guests, passthru, vms
from bsdvirt.ops.power.restart import next_start_notes, settled
from bsdvirt.plan.step import Step
from bsdvirt.session.batch import Outcome, hold
from bsdvirt.session.prepared import Part, Prepared, Task, carry_out, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.base import Live
from bsdvirt.spec.differ import changed, differing
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.expose import Expose
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import load_guest
from bsdvirt.spec.paths import set_paths
from bsdvirt.spec.vm import Vm


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a guest is to be: the text of its file before and after, and what that says."""

    before: str
    after: str
    old: GuestSpec
    new: GuestSpec
    boot: Boot
    destroying: frozenset[str] = frozenset()
    """Disks that are taken out and whose zvols go, too."""
    gone: int | None = None
    """The number of an interface that is taken out."""


Wish = Callable[[Guest, str, GuestSpec], Wanted]
"""What is wanted of a guest whose file has that text and says that."""


@dataclass(frozen=True, slots=True)
class Change:
    """Change guests: their files, and what they claim. Nothing is written for a guest where
    any of it is wrong."""

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
            if _lock(session, stack, cases.values()):
                # What was cut short may have been recovered just now.
                now = _Now(session.inventory(), session.networks())

            def plan(name: str) -> Task:
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
    """Replace the text of a guest's file, which is refused where it is no longer `before`."""

    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        if text != before:
            raise ConflictError(f"{name}: its file was changed meanwhile", "look, and edit again")
        path = guest.layout.guest_file(name)
        return Wanted(before, after, spec, load_guest(after, path), guest.identity.boot)

    return Change((name,), wish)


def bring_about(session: Session, names: Sequence[str], wish: Wish) -> list[Outcome]:
    """Change guests, or show it."""
    return carry_out(session, Change(tuple(names), wish))


@dataclass(frozen=True, slots=True)
class _Case:
    """A guest, and what is wanted of it."""

    guest: Guest
    to_be: Wanted
    live: bool
    fits: bool
    """Whether what it has claimed fits what is wanted."""

    @property
    def exposes(self) -> bool:
        return self.to_be.old.expose != self.to_be.new.expose


@dataclass(slots=True)
class _Now:
    """What is there, with what the changes planned so far will claim and expose."""

    found: Inventory
    networks: Networks
    exposed: dict[str, Sequence[Expose]] = field(default_factory=dict)

    def add(self, case: _Case, identity: Identity) -> None:
        name = case.guest.name
        changed = replace(self.found.guest(name), identity=identity)
        self.found = replace(self.found, guests={**self.found.guests, name: changed})
        self.exposed[name] = case.to_be.new.expose


def _look(session: Session, found: Inventory, guest: Guest, wish: Wish, live: bool) -> _Case:
    """Read the guest's file, and see what is wanted of it. Raises for what cannot be set."""
    need_unlocked(guest)
    session.need_mounted(found, guest.layout)
    spec = load_guest_file(session.host.fs, found.home(guest.name), guest.name)
    text = guest_text(session.host.fs, guest.layout, guest.name)
    to_be = wish(guest, text, spec)
    _refuse_fixed(guest.name, spec, to_be.new)
    _check(session, guest, spec, to_be.new)
    check_ready(guest.name, to_be.new, to_be.boot)
    return _Case(guest, to_be, live, guests.fits(guest.identity, to_be.new, session.networks()))


def _lock(session: Session, stack: contextlib.ExitStack, cases: Iterable[_Case]) -> bool:
    """Take the locks of networks and of the allocation, where a change needs them; whether
    one does."""
    claiming = [case for case in cases if not case.fits]
    if not claiming and not any(case.exposes for case in cases):
        return False
    verb = f"set {' '.join(case.guest.name for case in cases)}"
    used = [str(nic.network) for case in claiming for nic in case.to_be.new.nics]
    stack.enter_context(session.using(verb, networks=used))
    stack.enter_context(session.locked("allocation", "", verb))
    return True


def _plan(session: Session, now: _Now, case: _Case, message: str) -> Task:
    guest, to_be, live = case.guest, case.to_be, case.live
    jail, wanted = to_be.old, to_be.new
    check_order(now.found, guest.name, to_be.boot, before=guest.identity.boot)
    op = session.new_op()
    notes = _notes(jail, wanted) if live else ()
    at_once = _live_steps(session, guest.name, jail, wanted) if live else []
    if isinstance(jail, Vm) and isinstance(wanted, Vm):
        data, finish, kept = _volume_steps(guest, jail, wanted, op, live, to_be.destroying)
    else:
        data, finish, kept = _data_steps(session, guest, jail, wanted, op)
    notes += kept + macs.notes(session, guest.name, wanted)
    notes += passthru.notes(session, now.found, guest.name, wanted)
    if case.exposes:
        facts = pf.read(session)
        forwards.check(session.host, now.found, guest.name, wanted, facts, now.exposed)
        if live:
            at_once += forwards.live_steps(guest, wanted, facts)
            notes += forwards.notes(wanted, guest, facts)
    identity = guest.identity
    if not case.fits:
        identity = guests.fitting_identity(
            guest, wanted, now.found, now.networks, before=jail, gone=to_be.gone, live=live,
            random_bytes=session.draws.source(guest.name),
        )  # fmt: skip
    if jail.nics != wanted.nics:
        then = settled(identity)
        routing.check(guest.name, list(zip(wanted.nics, then.nics, strict=True)))
        if isinstance(wanted, Jail):
            notes += newly.without_address(guest.name, wanted, then, now.networks)
    if jail.stop != wanted.stop and (late := too_long(session, wanted)):
        notes += (late,)
    identity = msgspec.structs.replace(identity, boot=to_be.boot)
    if live and isinstance(jail, Vm) and isinstance(wanted, Vm):
        at_once += vms.run_change(session, replace(guest, identity=identity), jail, wanted)
    if _matters_at_start(jail, wanted):
        later = replace(guest, identity=settled(identity))
        notes += next_start_notes(session, now.found, later, wanted, now.networks)
    if isinstance(jail, Vm) and isinstance(wanted, Vm):
        was, to_come = (jail, guest.identity), (wanted, _coming(identity))
        notes += seed.changed(session.host.fs, guest, now.networks, was, to_come)
    plan = plan_change(
        guest, op, before=to_be.before, after=to_be.after,
        identity=identity, first=data, live=at_once, finish=finish, notes=notes,
    )  # fmt: skip
    let_go = guests.plan_let_go(session, guest, identity)
    now.add(case, identity)
    parts = (Part(let_go), Part(plan)) if not let_go.empty else (Part(plan),)
    return Task(guest.name, parts, message, notes)


def _coming(identity: Identity) -> Identity:
    """As it is from the next start on."""
    if identity.next is None:
        return identity
    return msgspec.structs.replace(identity, nics=identity.next, next=None)


def _matters_at_start(before: GuestSpec, after: GuestSpec) -> bool:
    """Whether the next start is another one than it was."""
    later = (Live.START, Live.REBOOT)
    return before.hooks != after.hooks or any(changed(before, after, live) for live in later)


def _live_steps(session: Session, name: str, before: GuestSpec, after: GuestSpec) -> list[Step]:
    """What the kernel is to change of a running guest. Raises as jail/live.py and
    bhyve/running.py do."""
    if isinstance(before, Vm) and isinstance(after, Vm):
        return vms.live_change(session, name, before, after)
    if not (isinstance(before, Jail) and isinstance(after, Jail)):
        return []
    if not touches_kernel(before, after):
        return []
    facts = LiveFacts(
        read_kernel(session.host), read_rules(session.host), read_mask(session.host, name)
    )
    return live_steps(name, before, after, facts)


def _volume_steps(
    guest: Guest, before: Vm, after: Vm, op: str, live: bool, destroying: frozenset[str]
) -> tuple[list[Step], list[Step], tuple[str, ...]]:
    """What is to be done to a virtual machine's volumes. Raises as change_volumes does."""
    change = change_volumes(guest, before, after, op, live=live, destroying=destroying)
    return list(change.steps), list(change.finish), change.notes


def _data_steps(
    session: Session, guest: Guest, before: GuestSpec, after: GuestSpec, op: str
) -> tuple[list[Step], list[Step], tuple[str, ...]]:
    """What ZFS is to change of a jail's data at once, what completes that, and what is to
    be known of it. Raises as check_storage does."""
    if not (isinstance(before, Jail) and isinstance(after, Jail)):
        return [], [], ()
    if not needs_values(before, after):
        return [], [], ()
    values = read_storage(session.host, guest, after)
    check_storage(guest, after, StorageFacts(values))
    steps, finish = change_steps(guest, before, after, values, op)
    return steps, finish, kept_notes(guest, before, after)


def _refuse_fixed(name: str, before: GuestSpec, after: GuestSpec) -> None:
    if type(before) is not type(after):
        raise ConflictError(f"{name}: its kind is fixed", "create another guest")
    for fixed in changed(before, after, Live.NEVER):
        raise ConflictError(
            f"{name}: {fixed} is fixed when the guest is made", "create another guest with it"
        )


ON_HOST = ("cpuset", "cpus", "pins", "memory", "wired", "limits", "params")
"""What is held against the host."""


def _check(session: Session, guest: Guest, before: GuestSpec, spec: GuestSpec) -> None:
    """Raises UsageError and HostError for what is changed, and cannot be on this host; what
    was so before, a start refuses, and `set` of another property does not."""
    changed = any(getattr(before, name, None) != getattr(spec, name, None) for name in ON_HOST)
    if isinstance(spec, Vm):
        if changed:
            check_vm_host(guest.name, spec, read_kernel(session.host), read_vmm(session.host))
        return
    assert isinstance(spec, Jail)
    if guest.identity.root:
        check_settings(spec)
    if changed and (spec.cpuset or spec.params):
        kernel = read_kernel(session.host, params=bool(spec.params))
        check_kernel(guest.name, spec, kernel)
    had = (*guest.identity.shared, *(guest.identity.next_shared or ()))
    if fresh := [alias for alias in shared_claims(spec) if alias not in had]:
        check_host(guest.name, fresh, read_interfaces(session.host))


WHEN = {Live.REBOOT: "when the guest next reboots", Live.START: "at the next start"}


def _notes(before: GuestSpec, after: GuestSpec) -> tuple[str, ...]:
    return tuple(
        f"{path} takes hold {words}"
        for live, words in WHEN.items()
        for path, when in differing(before, after)
        if when == live
    )
