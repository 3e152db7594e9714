"""Jails: what is theirs of a start and of a stop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from bsdvirt.errors import BsdvirtError, HostError, UsageError
from bsdvirt.facts.host import HostFacts, read_host, read_interfaces, read_kernel, ruleset_exists
from bsdvirt.facts.packetfilter import read_listeners
from bsdvirt.guest import forwards, logs
from bsdvirt.guest.inventory import Guest, Inventory, load_guest_file, running_jail
from bsdvirt.host import restore
from bsdvirt.host.base import Host
from bsdvirt.jail.clean import as_stopped
from bsdvirt.jail.datasets import StorageFacts, needs_values
from bsdvirt.jail.facts.datasets import read_storage_facts
from bsdvirt.jail.facts.leases import leased
from bsdvirt.jail.facts.mounts import read_mount_facts
from bsdvirt.jail.facts.output import Printed
from bsdvirt.jail.facts.root import read_foreign, read_holds, read_root
from bsdvirt.jail.facts.settings import read_own
from bsdvirt.jail.start import StartFacts, plan_start
from bsdvirt.jail.stop import MAIN_SHARE, plan_stop
from bsdvirt.layout import FAILED_DIRECTORY, RUN_FILES, failed_file, job_file
from bsdvirt.net.resolver import PORT, is_the_hosts_alone, servers_of
from bsdvirt.ops.network import pf as filtering
from bsdvirt.ops.power import hooks
from bsdvirt.ops.power.exclusive import refuse_disks_of_vms
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.batch import Held, Outcome
from bsdvirt.session.session import Session
from bsdvirt.spec.hooks import Event
from bsdvirt.spec.hooks import seconds as hooks_seconds
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network

DEFAULT_STOP_SECONDS = 60.0
LEAST_SECONDS = 0.2
RESOLVER = "etc/resolv.conf"
"""The jail's, beneath its root."""
HOST_RESOLVER = "/etc/resolv.conf"
RESOLVER_BYTES = 64 << 10
"""Of a root's resolv.conf, whose text the journal keeps for an undo."""

Parts = Mapping[str, tuple[Guest, Jail]]


def starter(
    session: Session, held: Held, found: Inventory, parts: Parts, networks: Mapping[str, Network]
) -> Callable[[str], Outcome]:
    """What starts one of these jails; the host is read once, now. Safe for several threads."""
    facts = read_host(session.host, *RUN_FILES)
    for name in session.stopped & parts.keys():
        facts = as_stopped(*parts[name], facts)
    kernel = read_kernel(session.host, params=any(jail.params for _, jail in parts.values()))
    numbers = {jail.ruleset for _, jail in parts.values()}
    rulesets = frozenset(n for n in numbers if ruleset_exists(session.host, n))
    resolver, unread = host_resolver(session.host)
    answering = read_answering(session.host, resolver)
    elsewhere = [str(g.identity.root) for g in found.guests.values() if g.identity.root]
    elsewhere += [jail.path for jail in facts.jails.values() if jail.path != "/"]
    foreign = read_foreign(session.host, [jail for _, jail in parts.values()])
    exposes = any(jail.expose for _, jail in parts.values())
    pf = filtering.read(session) if exposes else None
    clashes = forwards.clashes(session.host.fs, found, parts, facts) if exposes else {}

    def one(name: str) -> Outcome:
        guest, jail = parts[name]
        if session.boot_from:
            raise UsageError(f"{name} is a jail: it boots from no drive", "bsdvirt ls kind:vm")
        root = session.stand_ins.get(name, guest.root)
        seen = StartFacts(
            facts, kernel, rulesets, resolver, _jail_resolver(session.host, root),
            read_mount_facts(
                session.host.fs, session.pools.layouts, root, jail.mounts, elsewhere
            ),
            read_storage_facts(session.host, guest, jail) if needs_values(None, jail)
            else StorageFacts(),
            job_file(name) not in facts.files or is_held(session.host.fs, "keeper", name),
            read_root(
                session.host.fs, guest, jail, root, found.guests.values(), session.pools.layouts
            ),
            foreign,
            read_holds(session.host.fs, root),
            restore.look(session.host.fs, root, RESOLVER),
            read_own(session.host.fs, root, jail),
            answering,
        )  # fmt: skip
        printed = Printed(session.host, name)
        try:
            idle = running_jail(guest, facts.jails) is None
            if idle and name in clashes:
                raise clashes[name]
            if idle and unread is not None and jail.resolver.mode == "host":
                raise unread
            if idle:
                refuse_disks_of_vms(session, found, guest)
            plan = plan_start(
                guest, jail, networks, seen, session.new_op(),
                starting=_hooks(session, "starting", guest, jail) if idle else (),
                started=_hooks(session, "started", guest, jail) if idle else (),
                exposed=forwards.start_steps(guest, jail, pf),
            )  # fmt: skip
            plan = logs.for_start(session.host.fs, guest, plan)
            session.run(plan)
        except BsdvirtError as failed:
            error = printed.explain(failed)
            note_failure(session, name, error)
            raise error from None
        finally:
            held.release(name)
        notes = forwards.notes(jail, guest, pf) if idle else ()
        got = leased(session.host.fs, guest) if idle and not session.dry_run else []
        return Outcome(name, started(guest, plan, got), notes=(*plan.notes, *notes))

    return one


def started(guest: Guest, plan: Plan, leases: Sequence[str] = ()) -> str:
    """What became of a start, in words."""
    if plan.reason:
        return plan.reason + ("; its main command is watched again" if plan.steps else "")
    addresses = [*guest.identity.addresses(), *leases]
    return "started" + (f" at {', '.join(addresses)}" if addresses else "")


def read_answering(host: Host, text: str) -> frozenset[str]:
    """The host's addresses at which something waits on the port of name service; asked for
    only where the name servers of its resolv.conf are no use to anybody else."""
    if not all(map(is_the_hosts_alone, servers_of(text))):
        return frozenset()
    waiting = {one.address for one in read_listeners(host) if one.port == PORT}
    if "*" not in waiting:
        return frozenset(waiting)
    own = (text for face in read_interfaces(host).values() for text in face.addresses)
    return frozenset(text.partition("/")[0] for text in own)


def host_resolver(host: Host) -> tuple[str, HostError | None]:
    """The host's resolv.conf, and what is wrong with it: only who is to have it waits for
    that to be mended."""
    try:
        return host.fs.read_or(HOST_RESOLVER), None
    except OSError as error:
        why = f"{HOST_RESOLVER}: {error.strerror}"
        return "", HostError(why, "mend it, or set resolver.mode to own or keep")


def _jail_resolver(host: Host, root: str) -> str | None:
    return host.fs.read_beneath(root, RESOLVER, RESOLVER_BYTES)


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
    honor: bool = True,
) -> str:
    """Stop one jail whose lock is held; what became of it, in words. With `honor=False` no hook
    of its keeps it running."""
    jail = _spec(session, found, guest.name)
    own = _seconds(jail)
    seconds = own if timeout is None else timeout
    share = min(1.0, seconds / own)
    before: tuple[Step, ...] = ()
    if jail and not force and running_jail(guest, facts.jails):
        before = hooks.steps(
            session, "stopping", jail.hooks.stopping, guest, share=share, honor=honor
        )
    plan = plan_stop(
        guest, facts, session.new_op(),
        timeout=max(LEAST_SECONDS, seconds - share * _hook_seconds(jail)), force=force,
        hooks=before, jail=jail,
    )  # fmt: skip
    forced = session.run(plan)
    if jail and not plan.reason and (honor or not force):
        hooks.run_stopped(session, jail.hooks.stopped, guest, share, honor)
    return plan.reason or ("stopped by force" if forced else "stopped")


def stop_seconds(session: Session, found: Inventory, name: str) -> float:
    """The guest's own timeout, and what its hooks may take besides."""
    return _seconds(_spec(session, found, name))


def _spec(session: Session, found: Inventory, name: str) -> Jail | None:
    """The guest's file; None where it cannot be read, which must not keep it running."""
    try:
        spec = load_guest_file(session.host.fs, found.home(name), name)
    except BsdvirtError:
        return None
    return spec if isinstance(spec, Jail) else None


def _seconds(jail: Jail | None) -> float:
    if jail is None:
        return DEFAULT_STOP_SECONDS
    seconds = jail.stop.timeout + jail.stop.grace
    if jail.run:
        # So that the main command has the whole of its timeout.
        seconds = max(seconds, math.ceil(jail.stop.timeout / MAIN_SHARE))
    return seconds + _hook_seconds(jail)


def _hook_seconds(jail: Jail | None) -> float:
    """How long the hooks of a stop may take."""
    if jail is None:
        return 0.0
    return hooks_seconds(jail.hooks.stopping) + hooks_seconds(jail.hooks.stopped)


def _hooks(session: Session, event: Event, guest: Guest, jail: Jail) -> tuple[Step, ...]:
    return hooks.steps(session, event, jail.hooks.at(event), guest)
