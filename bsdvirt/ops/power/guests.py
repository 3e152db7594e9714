"""Guests of every kind: started, stopped, restarted. One reading of the host serves all
that are named; what a kind does of its own is in jails.py and vms.py."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from bsdvirt.bhyve.claims import fit as fit_devices
from bsdvirt.bhyve.claims import fits as devices_fit
from bsdvirt.errors import BsdvirtError, ConflictError, UsageError, as_told
from bsdvirt.facts.host import HostFacts, read_host, read_jails
from bsdvirt.guest.change import plan_claim
from bsdvirt.guest.claims import carried, claim_nics, claims_fit, with_nics
from bsdvirt.guest.duplicates import twins
from bsdvirt.guest.inventory import Guest, Inventory, load_guest_file, need_unlocked
from bsdvirt.jail.stack import alias_steps, claim_shared, shared_fit, with_shared
from bsdvirt.kinds import is_running
from bsdvirt.layout import CONF_DIRECTORY, RUN_FILES
from bsdvirt.ops import references
from bsdvirt.ops.network.up import bring_up
from bsdvirt.ops.power import jails, vms
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.batch import Held, Outcome, hold, in_parallel
from bsdvirt.session.draws import RandomBytes
from bsdvirt.session.mounted import mount_own
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.spec.vm import Vm

Parts = dict[str, tuple[Guest, GuestSpec]]


@dataclasses.dataclass(frozen=True, slots=True)
class Starting:
    """Guests about to start: their locks are held, the host was read, networks are up."""

    outcomes: list[Outcome]
    """Of those that cannot start."""
    parts: Parts
    """The others."""
    one: Callable[[str], Outcome]
    """Starts one of them. Safe for several threads."""


def start(session: Session, names: Sequence[str]) -> list[Outcome]:
    """Start guests; a running one is left alone."""
    with starting(session, names, "start") as ready:
        outcomes = [*ready.outcomes, *in_parallel(session, ready.parts, ready.one)]
    return sorted(outcomes, key=lambda outcome: outcome.name)


@contextlib.contextmanager
def starting(session: Session, names: Sequence[str], verb: str) -> Iterator[Starting]:
    """All that is done once for however many guests start, and the means to start each."""
    with hold(session, names, verb) as held:
        ready = _ready(session, held, held.names())
        yield dataclasses.replace(ready, outcomes=[*held.refused, *ready.outcomes])


def _ready(session: Session, held: Held, names: Sequence[str]) -> Starting:
    found = mount_own(session, session.inventory(), names)
    parts, outcomes = _load(session, found, names)
    networks = session.networks()
    parts, failed = _claimed(session, parts, found, networks)
    outcomes += failed
    parts, failed = _housed(session, parts, found)
    outcomes += failed
    parts, failed = _connected(session, parts, networks)
    return Starting(outcomes + failed, parts, _starter(session, held, found, parts, networks))


def start_held(session: Session, held: Held, names: Sequence[str]) -> list[Outcome]:
    """Start guests whose locks are held."""
    ready = _ready(session, held, names)
    return [*ready.outcomes, *in_parallel(session, ready.parts, ready.one)]


def start_parts(
    session: Session, found: Inventory, parts: Parts, networks: dict[str, Network]
) -> list[Outcome]:
    """Show the start of guests whose files and claims are these."""
    ready, failed = _connected(session, parts, networks)
    one = _starter(session, Held(), found, ready, networks)
    return [*failed, *in_parallel(session, ready, one)]


def running(session: Session, names: Iterable[str]) -> set[str]:
    """Which of the guests run."""
    found, jails_now = session.inventory().guests, read_jails(session.host)
    there = [found[name] for name in names if name in found]
    return {g.name for g in there if is_running(g, jails_now, session.host.fs)}


def _housed(session: Session, parts: Parts, found: Inventory) -> tuple[Parts, list[Outcome]]:
    """Those whose root is mounted. Raises HostError where that is the first, which all need."""
    ready: Parts = {}
    failed: list[Outcome] = []
    if parts:
        session.need_mounted(found)
    for name, (guest, spec) in parts.items():
        try:
            session.need_mounted(found, guest.layout)
            ready[name] = (guest, spec)
        except Exception as error:
            failed.append(Outcome(name, error=as_told(error)))
    return ready, failed


def _connected(
    session: Session, parts: Parts, networks: dict[str, Network]
) -> tuple[Parts, list[Outcome]]:
    """Those whose networks are up, once they were brought up; a network that cannot be
    keeps only its own guests down."""
    used = sorted({str(nic.network) for _, spec in parts.values() for nic in spec.nics})
    down: dict[str, BsdvirtError] = {}
    try:
        bring_up(session, used)
    except BsdvirtError:
        for network in used:
            try:
                bring_up(session, [network])
            except BsdvirtError as error:
                down[network] = error
    ready: Parts = {}
    failed: list[Outcome] = []
    for name, (guest, spec) in parts.items():
        wrong = next((down[nic.network] for nic in spec.nics if nic.network in down), None)
        if wrong is None:
            ready[name] = (guest, spec)
        else:
            failed.append(Outcome(name, error=wrong))
    return ready, failed


def _starter(
    session: Session, held: Held, found: Inventory, parts: Parts, networks: dict[str, Network]
) -> Callable[[str], Outcome]:
    """What starts one guest of any kind. Facts of a kind that none is of are not asked for."""
    ours = {n: (guest, spec) for n, (guest, spec) in parts.items() if isinstance(spec, Jail)}
    others = {n: (guest, spec) for n, (guest, spec) in parts.items() if isinstance(spec, Vm)}
    of: dict[str, Callable[[str], Outcome]] = {}
    if ours:
        of |= dict.fromkeys(ours, jails.starter(session, held, found, ours, networks))
    if others:
        of |= dict.fromkeys(others, vms.starter(session, held, found, others, networks))
    return lambda name: of[name](name)


def prepare_foreground(session: Session, name: str) -> Outcome:
    """All of a virtual machine's start but its supervisor. Raises as a start does, and
    ConflictError for one that runs."""
    with hold(session, [name], "run") as held:
        if held.refused and held.refused[0].error:
            raise held.refused[0].error
        found = mount_own(session, session.inventory(), [name])
        networks = session.networks()
        parts, failed = _load(session, found, [name])
        if not failed:
            parts, failed = _claimed(session, parts, found, networks)
        if not failed:
            parts, failed = _connected(session, parts, networks)
        if failed:
            return failed[0]
        guest, spec = parts[name]
        if not isinstance(spec, Vm):
            raise UsageError(f"{name} is a jail: run is for virtual machines", "bsdvirt start")
        session.need_mounted(found, guest.layout)
        prepare = vms.starter(
            session, held, found, {name: (guest, spec)}, networks, foreground=True
        )
        outcome = prepare(name)
    if outcome.message == "already running":
        raise ConflictError(f"{name} is running", f"bsdvirt stop {name}")
    return outcome


def _load(session: Session, found: Inventory, names: Sequence[str]) -> tuple[Parts, list[Outcome]]:
    parts: Parts = {}
    failed: list[Outcome] = []
    doubled = twins(found)
    for name in names:
        try:
            guest = found.guest(name)
            if name in doubled and not _runs(session, guest):
                raise doubled[name].error()
            need_unlocked(guest)
            spec = load_guest_file(session.host.fs, found.home(name), name)
            _check_kind(guest, spec)
            parts[name] = (guest, spec)
        except Exception as error:
            failed.append(Outcome(name, error=as_told(error)))
    return parts, failed


def _check_kind(guest: Guest, spec: GuestSpec) -> None:
    """Raises UsageError where its file was made one of another kind than it is."""
    kind = "jail" if isinstance(spec, Jail) else "vm"
    if kind != guest.identity.kind:
        raise UsageError(
            f"{guest.layout.guest_file(guest.name)}: kind: {guest.name} is a"
            f" {guest.identity.kind}, and stays one",
            f"write kind: {guest.identity.kind} there",
        )


def _claimed(
    session: Session, parts: Parts, found: Inventory, networks: dict[str, Network]
) -> tuple[Parts, list[Outcome]]:
    """The same, with claims that fit the files: those may have been edited by hand."""
    ready: Parts = {}
    failed: list[Outcome] = []
    for name, (guest, spec) in parts.items():
        try:
            if not fits(guest.identity, spec, networks) and not _runs(session, guest):
                guest = reclaim(session, guest, spec, networks)
            ready[name] = (guest, spec)
        except Exception as error:
            failed.append(Outcome(name, error=as_told(error)))
    return ready, failed


def _runs(session: Session, guest: Guest) -> bool:
    return guest.name not in session.stopped and is_running(
        guest, read_jails(session.host), session.host.fs
    )


def reclaim(session: Session, guest: Guest, spec: GuestSpec, networks: dict[str, Network]) -> Guest:
    """The guest with claims that fit its file, written down under the allocation lock."""
    with session.locked("allocation", "", f"claim {guest.name}"):
        found = session.inventory()
        identity = fitting_identity(guest, spec, found, networks)
        cleaning = plan_let_go(session, guest, identity)
        if not cleaning.empty:
            session.run(cleaning)
        session.run(plan_claim(guest, identity, session.new_op()))
    return dataclasses.replace(guest, identity=identity)


def fits(identity: Identity, spec: GuestSpec, networks: dict[str, Network]) -> bool:
    """Whether what is claimed is what the guest's file asks for, and nothing waits."""
    if identity.next is not None or not claims_fit(spec, identity.nics, networks):
        return False
    if isinstance(spec, Vm):
        return devices_fit(identity, spec)
    return not isinstance(spec, Jail) or shared_fit(spec, identity)


def plan_let_go(session: Session, guest: Guest, identity: Identity) -> Plan:
    """Remove what a crash left of the host's addresses that the guest had, before it claims
    others: nobody would know of them any more."""
    steps: Sequence[Step] = ()
    if guest.identity.shared and guest.identity.shared != identity.shared:
        steps = alias_steps(guest, read_host(session.host, CONF_DIRECTORY))
    return Plan("clean", guest.name, finish=tuple(steps), op=session.new_op(), must_journal=False)


def fitting_identity(
    guest: Guest,
    spec: GuestSpec,
    found: Inventory,
    networks: dict[str, Network],
    *,
    before: GuestSpec | None = None,
    gone: int | None = None,
    live: bool = False,
    random_bytes: RandomBytes = os.urandom,
) -> Identity:
    """The guest's identity with claims that fit its file; see with_nics for `live`. Where it
    is known what the file said `before`, and the number of an interface that is `gone`, each
    that stays keeps its own."""
    identity = guest.identity
    others = [other for name, other in found.guests.items() if name != guest.name]
    if isinstance(spec, Jail):
        identity = with_shared(identity, claim_shared(guest.name, spec, others), live=live)
    last = identity.nics if identity.next is None else identity.next
    old = list(before.nics if before else spec.nics)
    if gone is not None:
        old = [nic for number, nic in enumerate(old) if number != gone]
        last = [claim for number, claim in enumerate(last) if number != gone]
    held = carried(old, spec.nics, last)
    whole = [claim for claim in held if claim is not None]
    if len(whole) == len(held) and claims_fit(spec, whole, networks):
        identity = with_nics(identity, whole, live=live)
    elif gone is None and len(old) == len(spec.nics) and claims_fit(spec, identity.nics, networks):
        identity = with_nics(identity, identity.nics)
    else:
        claims = claim_nics(guest.name, spec, held, others, networks, random_bytes)
        identity = with_nics(identity, claims, live=live)
    return fit_devices(identity, spec, random_bytes) if isinstance(spec, Vm) else identity


def stop(
    session: Session, names: Sequence[str], *, force: bool = False, timeout: float | None = None
) -> list[Outcome]:
    """Stop guests, in order or (`force`) at once; a stopped one is cleaned where it left
    something. `timeout` in seconds; the guest's own where it is not given."""
    failed, ended, names = _end_waiting(session, names, force=force, timeout=timeout)
    with hold(session, names, "stop", ending=ended) as held:
        stopped = stop_held(
            session, held.names(), force=force, timeout=timeout, release=held.release, final=True
        )
        outcomes = [*failed, *held.refused, *(_ended(o, ended) for o in stopped)]
    return sorted(outcomes, key=lambda outcome: outcome.name)


def _end_waiting(
    session: Session, names: Sequence[str], *, force: bool, timeout: float | None
) -> tuple[list[Outcome], list[str], list[str]]:
    """Have the virtual machines end that another command waits for: the outcomes of those
    where that failed, the names of those that did, and of all to go on with."""
    states = ("starting", "stopping") if force else ("starting",)

    def end(name: str) -> Outcome:
        ends = vms.end_waiting(session, name, states, force=force, timeout=timeout)
        return Outcome(name, "stopped" if ends else "")

    asked = in_parallel(session, names, end)
    failed = [outcome for outcome in asked if not outcome.ok]
    ended = [outcome.name for outcome in asked if outcome.message]
    return failed, ended, [outcome.name for outcome in asked if outcome.ok]


def end_for_destroy(session: Session, names: Sequence[str]) -> list[str]:
    """Those of guests about to be destroyed whose start or stop another command waits for: it
    is ended by force. One that cannot be ended stays busy, and is refused for that."""
    states = ("starting", "stopping")

    def end(name: str) -> Outcome:
        ends = vms.end_waiting(session, name, states, force=True, spare_protected=True)
        return Outcome(name, "stopped" if ends else "")

    return [outcome.name for outcome in in_parallel(session, names, end) if outcome.message]


def _ended(outcome: Outcome, ended: Sequence[str]) -> Outcome:
    """That nothing of it ran any more is what its stop has brought about."""
    if outcome.name in ended and outcome.message == "not running":
        return dataclasses.replace(outcome, message="stopped")
    return outcome


def stop_held(
    session: Session,
    names: Sequence[str],
    *,
    force: bool = False,
    timeout: float | None = None,
    release: Callable[[str], None] = lambda name: None,
    final: bool = False,
) -> list[Outcome]:
    """Stop guests whose locks are held; each is released by itself. A `final` one says who
    goes on without them."""
    found = session.inventory()
    facts = read_host(session.host, *RUN_FILES)

    def one(name: str) -> Outcome:
        try:
            guest = found.guest(name)
            done = stop_one(session, found, facts, guest, force=force, timeout=timeout)
            left = references.left_running(session, found, facts, name, names) if final else ()
            return Outcome(name, done, notes=left if done.startswith("stopped") else ())
        finally:
            release(name)

    return in_parallel(session, names, one)


def stop_one(
    session: Session,
    found: Inventory,
    facts: HostFacts,
    guest: Guest,
    *,
    force: bool = False,
    timeout: float | None = None,
    honor: bool = True,
) -> str:
    """Stop one guest whose lock is held; what became of it, in words. Without `honor` no
    hook of its keeps it running."""
    kind = vms.stop_one if guest.identity.kind == "vm" else jails.stop_one
    return kind(session, found, facts, guest, force=force, timeout=timeout, honor=honor)


def stop_seconds(session: Session, found: Inventory, name: str) -> float:
    """How long the guest's stop may take by its own file, until it is forced."""
    vm = found.guest(name).identity.kind == "vm"
    seconds = vms.stop_seconds if vm else jails.stop_seconds
    return seconds(session, found, name)
