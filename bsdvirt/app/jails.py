"""Jails: started, stopped, restarted. One reading of the host serves all that are named."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence

from bsdvirt.app import networks as network_ops
from bsdvirt.app.batch import Held, Outcome, hold, in_parallel
from bsdvirt.app.session import Session
from bsdvirt.errors import BsdvirtError, CommandError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.facts import HostFacts, read_host, read_kernel, ruleset_exists
from bsdvirt.jail.change import plan_claim
from bsdvirt.jail.claims import claim_nics, claims_fit, with_nics
from bsdvirt.jail.start import StartFacts, plan_start
from bsdvirt.jail.stop import plan_stop
from bsdvirt.plan.step import Plan
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.store.guests import Guest, Inventory, load_guest_file
from bsdvirt.store.layout import (
    CONF_DIRECTORY,
    FAILED_DIRECTORY,
    failed_file,
)

DEFAULT_STOP_SECONDS = 60.0

Parts = dict[str, tuple[Guest, Jail]]


@dataclasses.dataclass(frozen=True, slots=True)
class Starting:
    """Jails about to start: their locks are held, the host was read, networks are up."""

    outcomes: list[Outcome]
    """Of those that cannot start."""
    parts: Parts
    """The others."""
    one: Callable[[str], Outcome]
    """Starts one of them. Safe for several threads."""


def start(session: Session, names: Sequence[str]) -> list[Outcome]:
    """Start jails; a running one is left alone."""
    with starting(session, names, "start") as ready:
        outcomes = [*ready.outcomes, *in_parallel(session, ready.parts, ready.one)]
    return sorted(outcomes, key=lambda outcome: outcome.name)


@contextlib.contextmanager
def starting(session: Session, names: Sequence[str], verb: str) -> Iterator[Starting]:
    """All that is done once for however many jails start, and the means to start each."""
    with hold(session, names, verb) as held:
        outcomes = list(held.refused)
        found = session.inventory()
        parts, failed = _load(session, found, held.names())
        outcomes += failed
        networks = session.networks()
        parts, failed = _claimed(session, parts, found, networks)
        outcomes += failed
        if parts:
            session.need_mounted(found)
        parts, failed = _connected(session, parts, networks)
        yield Starting(outcomes + failed, parts, _starter(session, held, found, parts, networks))


def _connected(
    session: Session, parts: Parts, networks: dict[str, Network]
) -> tuple[Parts, list[Outcome]]:
    """Those whose networks are up, once they were brought up; a network that cannot be
    keeps only its own guests down."""
    used = sorted({str(nic.network) for _, jail in parts.values() for nic in jail.nics})
    down: dict[str, BsdvirtError] = {}
    try:
        network_ops.bring_up(session, used, networks)
    except BsdvirtError:
        for network in used:
            try:
                network_ops.bring_up(session, [network], networks)
            except BsdvirtError as error:
                down[network] = error
    ready: Parts = {}
    failed: list[Outcome] = []
    for name, (guest, jail) in parts.items():
        wrong = next((down[nic.network] for nic in jail.nics if nic.network in down), None)
        if wrong is None:
            ready[name] = (guest, jail)
        else:
            failed.append(Outcome(name, error=wrong))
    return ready, failed


def _starter(
    session: Session, held: Held, found: Inventory, parts: Parts, networks: dict[str, Network]
) -> Callable[[str], Outcome]:
    if not parts:
        return lambda name: Outcome(name)
    facts = read_host(session.host, CONF_DIRECTORY, FAILED_DIRECTORY)
    kernel = read_kernel(session.host, params=any(jail.params for _, jail in parts.values()))
    numbers = {jail.devfs_ruleset for _, jail in parts.values()}
    rulesets = frozenset(n for n in numbers if ruleset_exists(session.host, n))
    resolver = session.host.fs.read_or("/etc/resolv.conf")

    def one(name: str) -> Outcome:
        guest, jail = parts[name]
        seen = StartFacts(
            facts, kernel, rulesets, resolver, _jail_resolver(session.host, found, name)
        )
        try:
            plan = plan_start(guest, jail, found.layout, networks, seen, session.new_op())
            session.run(plan)
        except BsdvirtError as error:
            _note_failure(session, name, error)
            if isinstance(error, CommandError) and error.argv[0] == tools.JAIL:
                error.hint = error.hint or f"bsdvirt logs {name} shows what it said"
            raise
        finally:
            held.release(name)
        return Outcome(name, _started(guest, plan), notes=plan.notes)

    return one


def _started(guest: Guest, plan: Plan) -> str:
    if plan.empty:
        return plan.reason
    addresses = guest.identity.addresses()
    return "started" + (f" at {', '.join(addresses)}" if addresses else "")


def _jail_resolver(host: Host, found: Inventory, name: str) -> str | None:
    return host.fs.read_beneath(found.layout.jail_root_directory(name), "etc/resolv.conf")


def _note_failure(session: Session, name: str, error: BsdvirtError) -> None:
    if session.dry_run:
        return
    session.host.fs.mkdir(FAILED_DIRECTORY, 0o700)
    session.host.fs.write(failed_file(name), f"{error.message}\n", 0o600)


def _load(session: Session, found: Inventory, names: Sequence[str]) -> tuple[Parts, list[Outcome]]:
    parts: Parts = {}
    failed: list[Outcome] = []
    for name in names:
        try:
            guest = found.guest(name)
            parts[name] = (guest, load_guest_file(session.host.fs, found.layout, name))
        except BsdvirtError as error:
            failed.append(Outcome(name, error=error))
    return parts, failed


def _claimed(
    session: Session, parts: Parts, found: Inventory, networks: dict[str, Network]
) -> tuple[Parts, list[Outcome]]:
    """The same, with claims that fit the files: those may have been edited by hand."""
    ready: Parts = {}
    failed: list[Outcome] = []
    for name, (guest, jail) in parts.items():
        try:
            changed = guest.identity.next is not None
            if changed or not claims_fit(jail, guest.identity.nics, networks):
                guest = reclaim(session, guest, jail, networks)
            ready[name] = (guest, jail)
        except BsdvirtError as error:
            failed.append(Outcome(name, error=error))
    return ready, failed


def reclaim(session: Session, guest: Guest, jail: Jail, networks: dict[str, Network]) -> Guest:
    """The guest with claims that fit its file, written down under the allocation lock."""
    with session.locked("allocation", "", f"claim {guest.name}"):
        found = session.inventory()
        identity = fitting_identity(guest, jail, found, networks)
        session.run(plan_claim(guest, identity, session.new_op()))
    return dataclasses.replace(guest, identity=identity)


def fitting_identity(
    guest: Guest, jail: Jail, found: Inventory, networks: dict[str, Network], *, live: bool = False
) -> Identity:
    """The guest's identity with claims that fit its file; see with_nics for `live`."""
    later = guest.identity.next
    if later is not None and claims_fit(jail, later, networks):
        return with_nics(guest.identity, later, live=live)
    others = [other for name, other in found.guests.items() if name != guest.name]
    claims = claim_nics(guest.name, jail, guest.identity.nics, others, networks, os.urandom)
    return with_nics(guest.identity, claims, live=live)


def stop(
    session: Session, names: Sequence[str], *, force: bool = False, timeout: float | None = None
) -> list[Outcome]:
    """Stop jails, in order or (`force`) at once; a stopped one is cleaned where it left
    something. `timeout` in seconds; the jail's own where it is not given."""
    with hold(session, names, "stop") as held:
        outcomes = list(held.refused)
        found = session.inventory()
        facts = read_host(session.host, CONF_DIRECTORY, FAILED_DIRECTORY)

        def one(name: str) -> Outcome:
            try:
                guest = found.guest(name)
                return Outcome(
                    name, stop_one(session, found, facts, guest, force=force, timeout=timeout)
                )
            finally:
                held.release(name)

        outcomes += in_parallel(session, held.names(), one)
    return sorted(outcomes, key=lambda outcome: outcome.name)


def stop_one(
    session: Session,
    found: Inventory,
    facts: HostFacts,
    guest: Guest,
    *,
    force: bool = False,
    timeout: float | None = None,
) -> str:
    """Stop one jail whose lock is held; what became of it, in words."""
    name = guest.name
    seconds = timeout or stop_seconds(session, found, name)
    plan = plan_stop(
        name, guest.identity.id, found.layout, facts, session.new_op(),
        timeout=seconds, force=force,
    )  # fmt: skip
    forced = session.run(plan)
    return plan.reason or ("stopped by force" if forced else "stopped")


def stop_seconds(session: Session, found: Inventory, name: str) -> float:
    """The guest's own timeout; a file that cannot be read must not keep it running."""
    try:
        stop_settings = load_guest_file(session.host.fs, found.layout, name).stop
    except BsdvirtError:
        return DEFAULT_STOP_SECONDS
    return float(stop_settings.timeout + stop_settings.grace)


def restart(
    session: Session, names: Sequence[str], *, force: bool = False, timeout: float | None = None
) -> list[Outcome]:
    """Stop and start. One that cannot be stopped is not started."""
    stopped = stop(session, names, force=force, timeout=timeout)
    ready = [outcome.name for outcome in stopped if outcome.ok]
    started = start(session, ready) if ready else []
    failures = [outcome for outcome in stopped if not outcome.ok]
    return sorted([*failures, *started], key=lambda outcome: outcome.name)
