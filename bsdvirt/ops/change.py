"""Guests' properties changed: their file, and what they claim."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bsdvirt.bhyve.change import change_volumes
from bsdvirt.bhyve.check import check_host as check_vm_host
from bsdvirt.bhyve.cloud import guest as seed
from bsdvirt.bhyve.rundir import is_running
from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.facts.host import read_interfaces, read_jails, read_kernel, read_mask, read_rules
from bsdvirt.facts.vmm import read_vmm
from bsdvirt.guest import forwards
from bsdvirt.guest.change import plan_change
from bsdvirt.guest.claims import UNCLAIMED
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, load_guest_file, need_unlocked
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
from bsdvirt.ops.boot.budget import too_long
from bsdvirt.ops.create import notes as newly
from bsdvirt.ops.network import macs, pf
from bsdvirt.ops.power import guests, passthru, vms
from bsdvirt.ops.power.restart import next_start_notes, settled
from bsdvirt.plan.step import Step
from bsdvirt.session.batch import Outcome, hold, in_parallel
from bsdvirt.session.session import Session
from bsdvirt.spec.base import Live, Spec
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.fields import fields_of, only
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import load_guest
from bsdvirt.spec.paths import NAME, set_paths
from bsdvirt.spec.vm import Vm

Assignments = Sequence[tuple[str, str]]
IDENTITY_PREFIX = "boot."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a guest is to be: its file's text before, after, and what that says."""

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


def change(session: Session, names: Sequence[str], assignments: Assignments) -> list[Outcome]:
    """Set properties of guests. Nothing is written where any of it is wrong."""

    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        ours = [a for a in assignments if not a[0].startswith(IDENTITY_PREFIX)]
        wanted = set_paths(spec, ours)
        after = edit_yaml(text, spec, wanted) if wanted != spec else text
        return Wanted(text, after, spec, wanted, set_boot(guest.identity.boot, assignments))

    return bring_about(session, names, wish)


def rewrite(session: Session, name: str, before: str, after: str) -> Outcome:
    """Put another text in the place of a guest's file; its outcome.

    Refused where the file is no longer what it was `before`.
    """

    def wish(guest: Guest, text: str, spec: GuestSpec) -> Wanted:
        if text != before:
            raise ConflictError(f"{name}: its file was changed meanwhile", "look, and edit again")
        path = guest.layout.guest_file(name)
        return Wanted(before, after, spec, load_guest(after, path), guest.identity.boot)

    return bring_about(session, [name], wish)[0]


def bring_about(session: Session, names: Sequence[str], wish: Wish) -> list[Outcome]:
    """Make guests what is wished, one after the other."""
    with hold(session, names, "set") as held:
        outcomes = list(held.refused)
        found = session.inventory()
        running = read_jails(session.host)

        def one(name: str) -> Outcome:
            live = is_running(found.guest(name), running, session.host.fs)
            return _change_one(session, found, found.guest(name), wish, live)

        # One after the other: each must see what the one before has claimed.
        for name in held.names():
            outcomes += in_parallel(session, [name], one)
    return sorted(outcomes, key=lambda outcome: outcome.name)


def _change_one(
    session: Session, found: Inventory, guest: Guest, wish: Wish, live: bool
) -> Outcome:
    need_unlocked(guest)
    session.need_mounted(found, guest.layout)
    jail = load_guest_file(session.host.fs, found.home(guest.name), guest.name)
    text = guest_text(session.host.fs, guest.layout, guest.name)
    to_be = wish(guest, text, jail)
    wanted, boot = to_be.new, to_be.boot
    _refuse_fixed(guest.name, jail, wanted)
    _check(session, guest, jail, wanted)
    check_order(found, guest.name, boot, before=guest.identity.boot)
    check_ready(guest.name, wanted, boot)
    notes = _notes(jail, wanted) if live else ()
    at_once = _live_steps(session, guest.name, jail, wanted) if live else []
    op = session.new_op()
    if isinstance(jail, Vm) and isinstance(wanted, Vm):
        data, finish, kept = _volume_steps(guest, jail, wanted, op, live, to_be.destroying)
    else:
        data, finish, kept = _data_steps(session, guest, jail, wanted, op)
    notes += kept + macs.notes(session, guest.name, wanted)
    notes += passthru.notes(session, found, guest.name, wanted)
    networks = session.networks()

    fits = guests.fits(guest.identity, wanted, networks)
    exposes = jail.expose != wanted.expose
    about = f"set {guest.name}"
    with contextlib.ExitStack() as stack:
        if not fits:
            used = [str(nic.network) for nic in wanted.nics]
            stack.enter_context(session.using(about, networks=used))
        if exposes or not fits:
            stack.enter_context(session.locked("allocation", "", about))
            # Read again: what was cut short may just have been mended.
            found, networks = session.inventory(), session.networks()
        if exposes:
            facts = pf.read(session)
            forwards.check(session.host, found, guest.name, wanted, facts)
            if live:
                at_once += forwards.live_steps(guest, wanted, facts)
                notes += forwards.notes(wanted, guest, facts)
        identity = (
            guest.identity
            if fits
            else guests.fitting_identity(
                guest, wanted, found, networks, before=jail, gone=to_be.gone, live=live
            )
        )
        if jail.nics != wanted.nics:
            routing.check(guest.name, list(zip(wanted.nics, settled(identity).nics, strict=True)))
            if isinstance(wanted, Jail):
                then = settled(identity)
                notes += newly.without_address(guest.name, wanted, then, networks)
        if jail.stop != wanted.stop and (late := too_long(session, wanted)):
            notes += (late,)
        plan_identity = msgspec.structs.replace(identity, boot=boot)
        if live and isinstance(jail, Vm) and isinstance(wanted, Vm):
            later = dataclasses.replace(guest, identity=plan_identity)
            at_once += vms.run_change(session, later, jail, wanted)
        if _matters_at_start(jail, wanted):
            later = replace(guest, identity=settled(plan_identity))
            notes += next_start_notes(session, found, later, wanted, networks)
        if isinstance(jail, Vm) and isinstance(wanted, Vm):
            was, to_come = (jail, guest.identity), (wanted, _coming(plan_identity))
            notes += seed.changed(session.host.fs, guest, networks, was, to_come)
        plan = plan_change(
            guest, op, before=to_be.before, after=to_be.after,
            identity=plan_identity, first=data, live=at_once, finish=finish, notes=notes,
        )  # fmt: skip
        guests.let_go(session, guest, plan_identity)
        session.run(plan)
    return Outcome(guest.name, "set", notes=notes)


def _coming(identity: Identity) -> Identity:
    """As it is from the next start on."""
    if identity.next is None:
        return identity
    return msgspec.structs.replace(identity, nics=identity.next, next=None)


def _matters_at_start(before: GuestSpec, after: GuestSpec) -> bool:
    """Whether the next start is another one than it was."""
    later = (Live.START, Live.REBOOT)
    return before.hooks != after.hooks or any(_changed(before, after, live) for live in later)


def _live_steps(session: Session, name: str, before: GuestSpec, after: GuestSpec) -> list[Step]:
    """What the kernel is to change of a running guest. Raises as jail/live.py and
    bhyve/live.py do."""
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


def set_boot(boot: Boot, assignments: Assignments) -> Boot:
    """The boot.* ones of the assignments, applied. Raises UsageError."""
    ours = [
        (path.removeprefix(IDENTITY_PREFIX), text)
        for path, text in assignments
        if path.startswith(IDENTITY_PREFIX)
    ]
    try:
        return set_paths(boot, ours)
    except UsageError as error:
        raise UsageError(f"{IDENTITY_PREFIX}{error.message}", error.hint) from None


def check_order(found: Inventory, name: str, boot: Boot, before: Boot | None = None) -> None:
    """Raises UsageError for a guest to wait for that is not there, ConflictError for a circle;
    nothing for what was so `before`."""
    if before is not None and boot.after == before.after:
        return
    after = {guest: set(entry.identity.boot.after) for guest, entry in found.guests.items()}
    after[name] = set(boot.after)
    for wanted in boot.after:
        if wanted not in found.guests and (before is None or wanted not in before.after):
            left = ",".join(str(other) for other in boot.after if other in found.guests)
            hint = "bsdvirt ls shows what is there"
            if before is not None:
                hint += f"; bsdvirt set {name} boot.after={left}"
            raise UsageError(f"{name}: boot.after: no guest {wanted}", hint)
    _walk(after, [name], set())


def _walk(after: dict[str, Any], trail: list[str], seen: set[str]) -> None:
    for earlier in sorted(after.get(trail[-1], ())):
        if earlier == trail[0]:
            circle = " after ".join([*trail, earlier])
            raise ConflictError(f"boot.after goes in a circle: {circle}", "leave one of them out")
        if earlier not in seen:
            seen.add(earlier)
            _walk(after, [*trail, earlier], seen)


def _refuse_fixed(name: str, before: GuestSpec, after: GuestSpec) -> None:
    if type(before) is not type(after):
        raise ConflictError(f"{name}: its kind is fixed", "create another guest")
    for changed in _changed(before, after, Live.NEVER):
        raise ConflictError(
            f"{name}: {changed} is fixed when the guest is made", "create another guest with it"
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


def check_ready(name: str, spec: GuestSpec, boot: Boot) -> None:
    """Raises UsageError for what cannot tell when a virtual machine is ready: a command, or
    a port of an address that nobody knows here."""
    if not isinstance(spec, Vm) or not boot.ready:
        return
    if boot.ready_port is not None and not any(
        nic.aliases or {nic.address, nic.address6} - set(UNCLAIMED) for nic in spec.nics
    ):
        raise UsageError(
            f"{name}: boot.ready: no address of its is known here, whose port could answer",
            "give it one, as nics.0.address=pool",
        )
    if boot.ready_port is None:
        raise UsageError(
            f"{name}: boot.ready: no command can be run in a virtual machine from here",
            "as boot.ready=tcp:22",
        )


WHEN = {Live.REBOOT: "when the guest next reboots", Live.START: "at the next start"}


def _notes(before: GuestSpec, after: GuestSpec) -> tuple[str, ...]:
    return tuple(
        f"{path} takes hold {words}"
        for live, words in WHEN.items()
        for path, when in _differing(before, after)
        if when == live
    )


def _differing(before: Spec, after: Spec, prefix: str = "") -> Iterator[tuple[str, Live | None]]:
    """Where two differ, down to single properties, and when each takes hold."""
    for name, field in fields_of(type(before)).items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield from _within(f"{prefix}{name}", old, new, field.live)


def _within(
    path: str, before: object, after: object, live: Live | None
) -> Iterator[tuple[str, Live | None]]:
    """The same of one property: a group, a list whose elements have names, or a value."""
    if isinstance(before, Spec) and isinstance(after, Spec) and type(before) is type(after):
        yield from _differing(before, after, f"{path}.")
        return
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        yield from ((path, when) for when in _inside(before, after, live))
        return
    for key in {**old, **new}:
        one, other = old.get(key), new.get(key)
        if one is None or other is None:
            there = one if other is None else other
            own = fields_of(type(there)).get(NAME) if isinstance(there, Spec) else None
            yield f"{path}.{key}", own.live if own else live
        elif one != other:
            yield from _within(f"{path}.{key}", one, other, live)


def _inside(before: object, after: object, live: Live | None) -> Iterable[Live | None]:
    """When a value takes hold, or what differs in a list of groups that have no names."""
    if not (isinstance(before, list) and isinstance(after, list) and len(before) == len(after)):
        return (live,)
    pairs = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    if not all(isinstance(one, Spec) and type(one) is type(other) for one, other in pairs):
        return (live,)
    return dict.fromkeys(when for one, other in pairs for _, when in _differing(one, other))


def _by_name(value: object) -> dict[str, object] | None:
    """The elements of a list by their names; None for what is none, or has none."""
    if not isinstance(value, list) or not all(hasattr(one, NAME) for one in value):
        return None
    return {str(getattr(one, NAME)): one for one in value}


def _changed(before: GuestSpec, after: GuestSpec, live: Live) -> list[str]:
    """The properties of that kind that differ; of lists and groups, their own name."""
    old, new = only(before, live), only(after, live)
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]
