"""Jails: what is theirs of a start and of a stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bsdvirt.app.batch import Held, Outcome
from bsdvirt.app.mounts import read_mount_facts
from bsdvirt.app.session import Session
from bsdvirt.errors import BsdvirtError, CommandError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.facts import HostFacts, read_host, read_kernel, ruleset_exists
from bsdvirt.jail.start import StartFacts, plan_start
from bsdvirt.jail.stop import plan_stop
from bsdvirt.plan.step import Plan
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network
from bsdvirt.store.guests import Guest, Inventory, load_guest_file
from bsdvirt.store.layout import CONF_DIRECTORY, FAILED_DIRECTORY, failed_file

DEFAULT_STOP_SECONDS = 60.0

Parts = Mapping[str, tuple[Guest, Jail]]


def starter(
    session: Session, held: Held, found: Inventory, parts: Parts, networks: Mapping[str, Network]
) -> Callable[[str], Outcome]:
    """What starts one of these jails; the host is read once, now. Safe for several threads."""
    facts = read_host(session.host, CONF_DIRECTORY, FAILED_DIRECTORY)
    kernel = read_kernel(session.host, params=any(jail.params for _, jail in parts.values()))
    numbers = {jail.devfs_ruleset for _, jail in parts.values()}
    rulesets = frozenset(n for n in numbers if ruleset_exists(session.host, n))
    resolver = session.host.fs.read_or("/etc/resolv.conf")

    def one(name: str) -> Outcome:
        guest, jail = parts[name]
        seen = StartFacts(
            facts, kernel, rulesets, resolver, _jail_resolver(session.host, guest),
            read_mount_facts(session.host.fs, found.layout, guest.root, jail.mounts),
        )  # fmt: skip
        try:
            plan = plan_start(guest, jail, networks, seen, session.new_op())
            session.run(plan)
        except BsdvirtError as error:
            note_failure(session, name, error)
            if isinstance(error, CommandError) and error.argv[0] == tools.JAIL:
                error.hint = error.hint or f"bsdvirt logs {name} shows what it said"
            raise
        finally:
            held.release(name)
        return Outcome(name, started(guest, plan), notes=plan.notes)

    return one


def started(guest: Guest, plan: Plan) -> str:
    """What became of a start, in words."""
    if plan.empty:
        return plan.reason
    addresses = guest.identity.addresses()
    return "started" + (f" at {', '.join(addresses)}" if addresses else "")


def _jail_resolver(host: Host, guest: Guest) -> str | None:
    return host.fs.read_beneath(guest.root, "etc/resolv.conf")


def note_failure(session: Session, name: str, error: BsdvirtError) -> None:
    """Keep why the last start failed, for `info`."""
    if session.dry_run:
        return
    session.host.fs.mkdir(FAILED_DIRECTORY, 0o700)
    session.host.fs.write(failed_file(name), f"{error.message}\n", 0o600)


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
        guest, facts, session.new_op(), timeout=seconds, force=force,
    )  # fmt: skip
    forced = session.run(plan)
    return plan.reason or ("stopped by force" if forced else "stopped")


def stop_seconds(session: Session, found: Inventory, name: str) -> float:
    """The guest's own timeout; a file that cannot be read must not keep it running."""
    try:
        jail = load_guest_file(session.host.fs, found.layout, name)
    except BsdvirtError:
        return DEFAULT_STOP_SECONDS
    if not isinstance(jail, Jail):
        return DEFAULT_STOP_SECONDS
    return float(jail.stop.timeout + jail.stop.grace)
