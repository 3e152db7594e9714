"""Jails, as one kind of guest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from bsdvirt.cpu.limits import LiveFacts, limits_differ, live_steps, touches_kernel
from bsdvirt.errors import ConflictError, HostError, UsageError
from bsdvirt.facts.host import HostFacts, Kernel, read_host, read_kernel, read_mask
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.jls import JailFact, read_jails
from bsdvirt.facts.rctl import jail_subject, read_rules
from bsdvirt.guest.claims import RandomBytes
from bsdvirt.guest.inventory import Foreign, Guest, running_jail
from bsdvirt.guest.kind import Kind
from bsdvirt.guest.view import (
    Change,
    Cpus,
    Parts,
    Start,
    Starter,
    StopRequest,
    Surroundings,
    View,
)
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.jail import clean, stack
from bsdvirt.jail.command import reread_steps, watch_again
from bsdvirt.jail.datasets import (
    StorageFacts,
    archived_parts,
    change_steps,
    check_storage,
    dataset_of,
    how_to_drop,
    kept_notes,
    needs_values,
)
from bsdvirt.jail.enter import enter, environment, line_in, login_in
from bsdvirt.jail.facts.holds import read_holds
from bsdvirt.jail.mounted import own_mounts
from bsdvirt.jail.root import check_settings
from bsdvirt.jail.stop import MAIN_SHARE, plan_stop
from bsdvirt.layout import CONF_DIRECTORY, host_end, job_file
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.step import Plan, Step
from bsdvirt.rows.host import Finding
from bsdvirt.rows.jail import JailInfo
from bsdvirt.spec.hooks import seconds
from bsdvirt.spec.identity import Boot, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.types import CpuList

DEFAULT_STOP_SECONDS = 60.0
"""Where the guest's file cannot be read."""
LEAST_SECONDS = 0.2


if TYPE_CHECKING:
    from bsdvirt.guest.archive.parts import Parts as Archived


class JailKind(Kind[Jail]):
    """A jail: jail(8), its datasets, its epairs."""

    name: Literal["jail"] = "jail"
    noun = "jail"
    modules = ("if_bridge", "if_epair")
    has_drives = False
    repeats_notes = True
    left = "is stopped, and has left interfaces, mounts, limits or files"
    unwatched = (
        "nobody watches its main command: it is not restarted when it ends",
        "watch it",
        "got another supervisor",
    )

    # ---- state ----

    def is_running(self, guest: Guest, jails: Mapping[str, JailFact], fs: Fs) -> bool:
        return running_jail(guest, jails) is not None

    def port(self, guest_id: int, nic: int) -> str:
        return host_end(guest_id, nic)

    def host_interfaces(self, guest_id: int) -> list[str]:
        return clean.interfaces_of(guest_id)

    def release_of(self, spec: Jail) -> str:
        return str(spec.release)

    def check_adopted(self, foreign: Foreign, spec: Jail) -> None:
        root = foreign.layout.jail_root(foreign.name)
        if not any(d.name == root and d.kind == "filesystem" for d in foreign.datasets):
            raise HostError(
                f"{foreign.name} has no dataset {root}: its root was a directory elsewhere",
                f"bsdvirt destroy {foreign.name}; bsdvirt create jail makes a guest of a directory",
            )

    def archived(self, spec: Jail) -> Archived:
        return archived_parts(spec)

    # ---- rows ----

    def info(self, view: View, guest: Guest, spec: Jail | None, fields: dict[str, Any]) -> JailInfo:
        from bsdvirt.jail.facts.info import read_info

        return read_info(view.host, guest, spec, fields)

    # ---- CPUs ----

    def cpus_now(
        self, host: Host, guests: Sequence[Guest], jails: Mapping[str, JailFact]
    ) -> Mapping[str, Cpus]:
        from bsdvirt.facts.cpus.affinity import read_jail_cpus

        running = ((g.name, jail) for g in guests if (jail := running_jail(g, jails)))
        masks = ((name, read_jail_cpus(host, jail.jid, jail.name)) for name, jail in running)
        return {name: Cpus(mask) for name, mask in masks if mask is not None}

    def cpus_wanted(self, spec: Jail) -> Cpus:
        return Cpus(spec.cpuset.cpus if spec.cpuset else None)

    # ---- claims ----

    def claims_fit(self, identity: Identity, spec: Jail) -> bool:
        return stack.shared_fit(spec, identity)

    def claim(
        self,
        name: str,
        identity: Identity,
        spec: Jail,
        others: Iterable[Guest],
        random: RandomBytes,
        *,
        live: bool = False,
    ) -> Identity:
        return stack.with_shared(identity, stack.claim_shared(name, spec, others), live=live)

    def release_claims(self, guest: Guest, identity: Identity, host: Host) -> tuple[Step, ...]:
        if not guest.identity.shared or guest.identity.shared == identity.shared:
            return ()
        return tuple(stack.alias_steps(guest, read_host(host, CONF_DIRECTORY)))

    def datasets_given(self, guest: Guest, spec: Jail | None) -> tuple[str, ...]:
        elsewhere = (str(one.dataset) for one in (spec.datasets if spec else ()) if one.dataset)
        return (guest.dataset, *elsewhere)

    def own_datasets(self, guest: Guest, spec: Jail) -> dict[str, int | None]:
        root = () if guest.identity.root else (guest.layout.jail_root(guest.name),)
        given = (dataset_of(guest, entry) for entry in spec.datasets if entry.dataset is None)
        return dict.fromkeys((*root, *given))

    def untrusted_root(self, guest: Guest) -> str:
        return guest.root

    # ---- start ----

    def refuse_options(self, name: str, *, boot_from: str, foreground: bool) -> None:
        if foreground:
            raise UsageError(
                f"{name} is a jail: run is for virtual machines", f"bsdvirt start {name}"
            )
        if boot_from:
            raise UsageError(f"{name} is a jail: it has no boot drive", "bsdvirt ls kind:vm")

    def as_stopped(self, guest: Guest, spec: Jail, facts: HostFacts) -> HostFacts:
        return clean.as_stopped(guest, spec, facts)

    def starter(
        self, view: View, parts: Parts, facts: HostFacts, *, foreground: bool = False
    ) -> Starter:
        # Imported here: a stop needs none of it.
        from bsdvirt.jail.facts.leases import leased
        from bsdvirt.jail.facts.output import Printed
        from bsdvirt.jail.facts.start import read_resolver, start_facts_reader
        from bsdvirt.jail.start import plan_start

        jails = {name: spec for name, (_, spec) in parts.items() if isinstance(spec, Jail)}
        resolver, unread = read_resolver(view.host)
        read = start_facts_reader(view, jails, facts, resolver)

        def start(guest: Guest, jail: Jail, around: Surroundings) -> Start:
            name = guest.name
            if around.idle and unread is not None and jail.resolver.mode == "host":
                raise unread
            printed = Printed(view.fs, name)
            plan = plan_start(
                guest, jail, view.networks, read(guest, jail), view.new_op(),
                starting=around.starting, started=around.started, exposed=around.exposed,
            )  # fmt: skip

            def words() -> str:
                return _started(guest, plan, leased(view.fs, guest) if around.idle else [])

            return Start(plan, words, explain=printed.explain)

        return start

    def inside(self, fs: Fs, guest: Guest) -> tuple[str, ...]:
        return enter(guest.name, read_holds(fs, guest.root))

    def console(self, host: Host, guest: Guest, term: str) -> tuple[str, ...]:
        """A login shell of root's, as login(1) gives it; in another userland than FreeBSD's, bash
        where it is there, else sh."""
        name = guest.name
        if running_jail(guest, read_jails(host)) is None:
            raise ConflictError(f"{name} is not running", f"bsdvirt start {name}")
        holds = read_holds(host.fs, guest.root)
        if not holds.shell:
            raise HostError(
                f"{name}: its root has no {tools.SH}: no shell can be opened",
                f"bsdvirt exec {name} -- PROGRAM",
            )
        return (*environment(term), *login_in(name, holds))

    def probes(self, fs: Fs, guest: Guest, boot: Boot) -> list[tuple[str, ...]]:
        holds = read_holds(fs, guest.root)
        if boot.ready_port is None:
            return [(*environment(), *line_in(guest.name, holds, boot.ready))]
        knock = (tools.NC, "-z", "-w", "1")
        port = str(boot.ready_port)
        # A guest whose addresses are not known here (DHCP) is asked from within.
        inside = [(*environment(), *enter(guest.name, holds), *knock, "127.0.0.1", port)]
        return [(*knock, address, port) for address in guest.identity.addresses()] or inside

    def watch_plan(self, view: View, guest: Guest, facts: HostFacts) -> Plan | None:
        if job_file(guest.name) not in facts.files or is_held(view.fs, "keeper", guest.name):
            return None
        step = watch_again(guest.name, view.fs.read_or(job_file(guest.name)), view.open_cpus)
        return Plan("watch", guest.name, finish=(step,), op=view.new_op(), must_journal=False)

    # ---- stop ----

    def stop_seconds(self, spec: Jail | None) -> float:
        if spec is None:
            return DEFAULT_STOP_SECONDS
        own = float(spec.stop.timeout + spec.stop.grace)
        if spec.run:
            # So that the main command has the whole of its timeout.
            own = max(own, math.ceil(spec.stop.timeout / MAIN_SHARE))
        return own + _hook_seconds(spec)

    def stop_timeout(self, spec: Jail | None) -> float:
        return self.stop_seconds(spec)

    def plan_stop(
        self, view: View, facts: HostFacts, guest: Guest, spec: Jail | None, how: StopRequest
    ) -> Plan:
        return plan_stop(
            guest, facts, view.new_op(),
            timeout=max(LEAST_SECONDS, how.seconds - how.share * _hook_seconds(spec)),
            force=how.force, hooks=how.hooks, jail=spec,
        )  # fmt: skip

    def forced(self, warnings: Sequence[str], how: StopRequest) -> bool:
        return bool(warnings)

    def clean_steps(
        self, view: View, guest: Guest, spec: Jail | None, facts: HostFacts
    ) -> tuple[Step, ...]:
        notes = (clean.forget_failure(guest.name), clean.forget_main(guest.name))
        return tuple(s for s in clean.clean_steps(guest, facts, spec) if s not in notes)

    # ---- change and destroy ----

    def check_change(self, host: Host, guest: Guest, before: Jail, after: Jail) -> None:
        if guest.identity.root:
            check_settings(after)
        changed = (after.cpuset, after.params) != (before.cpuset, before.params)
        if changed and (after.cpuset or after.params):
            from bsdvirt.jail.settings import check_kernel

            kernel = read_kernel(host, params=bool(after.params))
            check_kernel(guest.name, after, kernel)
        had = (*guest.identity.shared, *(guest.identity.next_shared or ()))
        if fresh := [alias for alias in stack.shared_claims(after) if alias not in had]:
            stack.check_host(guest.name, fresh, read_interfaces(host))

    def plan_change(
        self,
        host: Host,
        guest: Guest,
        before: Jail,
        after: Jail,
        op: str,
        *,
        live: bool,
        destroying: frozenset[str] = frozenset(),
    ) -> Change:
        if not needs_values(before, after):
            return Change()
        from bsdvirt.jail.facts.datasets import read_storage

        values = read_storage(host, guest, after)
        check_storage(guest, after, StorageFacts(values))
        steps, finish = change_steps(guest, before, after, values, op)
        return Change(tuple(steps), tuple(finish), kept_notes(guest, before, after))

    def live_steps(self, host: Host, guest: Guest, before: Jail, after: Jail) -> list[Step]:
        if not touches_kernel(before, after):
            return []
        rules = read_rules(host) if limits_differ(before, after) else []
        name = guest.name
        below = {}
        if before.cpuset != after.cpuset:
            # Imported here: few changes are of CPUs.
            from bsdvirt.facts.cpus.below import read_below

            below = read_below(host, name)
        facts = LiveFacts(read_kernel(host), rules, read_mask(host, name), below=below)
        return live_steps(name, jail_subject(name), ("-j", name), before, after, facts)

    def reread_steps(self, host: Host, guest: Guest, before: Jail, after: Jail) -> list[Step]:
        if before.restart == after.restart:
            return []
        return reread_steps(guest.name, after, host.fs.read_or(job_file(guest.name)))

    def change_notes(
        self, view: View, guest: Guest, before: Jail, after: Jail, identity: Identity
    ) -> tuple[str, ...]:
        if before.nics == after.nics:
            return ()
        return stack.without_address(guest.name, after, identity, view.networks)

    def own_mounts(self, guest: Guest, spec: Jail | None, facts: HostFacts) -> set[tuple[str, str]]:
        return own_mounts(guest, spec, facts)

    def kept_notes(self, guest: Guest, spec: Jail | None) -> tuple[str, ...]:
        names = [str(entry.dataset) for entry in (spec.datasets if spec else ()) if entry.dataset]
        return tuple(f"{name} is kept, with its data; {how_to_drop(guest, name)}" for name in names)

    # ---- doctor ----

    def findings(
        self, view: View, facts: HostFacts, specs: Mapping[str, Jail], kernel: Kernel
    ) -> Iterator[Finding]:
        from bsdvirt.jail import doctor

        return doctor.findings(view, facts, specs, kernel)

    def drift(
        self, view: View, guest: Guest, spec: Jail | None, facts: HostFacts, kernel: Kernel
    ) -> Iterator[Drift]:
        from bsdvirt.facts.cpus.affinity import read_jail_cpus
        from bsdvirt.facts.cpus.below import read_strays
        from bsdvirt.jail import doctor

        jail, mask, below = running_jail(guest, facts.jails), None, dict[int, CpuList]()
        if jail is not None and spec and spec.cpuset:
            # It may have ended meanwhile.
            cpus = read_jail_cpus(view.host, jail.jid, jail.name)
            mask = CpuList.of(cpus) if cpus else None
            below = read_strays(
                view.host, jail.name, facts.processes.get(jail.jid, ()), spec.cpuset
            )
        return doctor.drift(guest, spec, view.networks, facts, kernel, mask, below)


def _hook_seconds(jail: Jail | None) -> float:
    """Return how long the hooks of a stop may take."""
    return seconds(jail.hooks.stopping) + seconds(jail.hooks.stopped) if jail else 0.0


def _started(guest: Guest, plan: Plan, leases: Sequence[str]) -> str:
    """Return the message of a start."""
    if plan.reason:
        return plan.reason + ("; its main command is watched again" if plan.steps else "")
    addresses = [*guest.identity.addresses(), *leases]
    return "started" + (f" at {', '.join(addresses)}" if addresses else "")
