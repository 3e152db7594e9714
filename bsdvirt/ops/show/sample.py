"""One sample of what the host and its guests use: a few commands, whatever the number of guests.

With a `Kept` of the caller, who takes many samples, what does not change is not read again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence

from bsdvirt.cpu.accounting import figures as figures
from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.jls import JailFact, read_jails
from bsdvirt.facts.rctl import Rule, jail_subject, read_rules, read_usages
from bsdvirt.facts.usage.host import (
    HOST_SYSCTLS,
    booted,
    load,
    memory_in_use,
    number,
    read_swap,
    read_sysctls,
    ticks,
)
from bsdvirt.facts.usage.kstat import Io, io_of
from bsdvirt.facts.usage.netstat import Traffic, of_cards, read_traffic
from bsdvirt.facts.usage.processes import Used, read_processes
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.usage import Running, running_guests
from bsdvirt.ops.show.kept import Kept
from bsdvirt.rows.usage import GuestSample, HostSample, NicSample, PoolSample, Sample
from bsdvirt.session.session import Session


def read_sample(
    session: Session,
    found: Inventory | None = None,
    kept: Kept | None = None,
    names: Collection[str] | None = None,
    jails: Mapping[str, JailFact] | None = None,
) -> Sample:
    """Return a sample of all running guests, or of those among these. `found` is an inventory that
    is at hand, of which a shallow one is enough, and `jails` are the kernel's jails."""
    if found is None:
        found = session.inventory(shallow=True)
    kept = kept or Kept()
    host = session.host
    if jails is None:
        jails = read_jails(host)
    guests = found.guests
    if names is not None:
        guests = {name: guests[name] for name in names if name in guests}
    running = running_guests(host.fs, guests, jails)
    kept.update(session, running)
    counters = [leaf for name in running for objset in kept.objsets(name) for leaf in objset]
    moment = kept.clock()
    shown = read_sysctls(host, [*HOST_SYSCTLS, *counters])
    used = read_processes(host, *_owners(running, jails))
    traffic = read_traffic(host)
    racct = shown.get("kern.racct.enable") == "1"
    named = [name for name, one in running.items() if one.jid is not None]
    counted = read_usages(host, named) if racct else {}
    limits = _memory_limits(read_rules(host)) if racct and named else {}
    reader = _Reader(session, kept, shown, used, traffic, counted, limits)
    return Sample(
        host=_host(session, moment, shown, racct, of_cards(traffic)),
        guests=[reader.guest(running[name]) for name in sorted(running)],
    )


def _owners(
    running: Mapping[str, Running], jails: Mapping[str, JailFact]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the guests of jails, with the jails in them, and of bhyve processes, by number."""
    inside = {name for name, one in running.items() if one.jid is not None}
    jids = {
        str(jail.jid): base
        for jail in jails.values()
        if not jail.dying and (base := jail.name.partition(".")[0]) in inside
    }
    pids = {str(one.pid): name for name, one in running.items() if one.pid is not None}
    return jids, pids


def _memory_limits(rules: Sequence[Rule]) -> dict[str, int]:
    """Return the lowest limit of resident memory, by subject."""
    limits: dict[str, int] = {}
    for rule in rules:
        if rule.resource == "memoryuse" and rule.action == "deny" and not rule.per:
            limits[rule.subject] = min(rule.amount, limits.get(rule.subject, rule.amount))
    return limits


def _host(
    session: Session,
    moment: float,
    shown: Mapping[str, str],
    racct: bool,
    cards: Traffic | None,
) -> HostSample:
    by_cpu = ticks(shown.get("kern.cp_times", ""))
    together = ticks(shown.get("kern.cp_time", ""))
    boot = booted(shown.get("kern.boottime", ""))
    swap = read_swap(session.host)
    return HostSample(
        time=round(moment, 3),
        name=shown.get("kern.hostname"),
        release=shown.get("kern.osrelease"),
        uptime=None if boot is None else max(0.0, round(time.time() - boot, 1)),
        load=load(shown.get("vm.loadavg", "")),
        cpus=number(shown, "hw.ncpu") or 1,
        busy=together[0][0] if together else None,
        ticks=together[0][1] if together else None,
        busy_by_cpu=[busy for busy, _ in by_cpu],
        ticks_by_cpu=[every for _, every in by_cpu],
        memory=number(shown, "hw.physmem"),
        memory_used=memory_in_use(shown),
        arc=number(shown, "kstat.zfs.misc.arcstats.size"),
        swap=swap[0] if swap else None,
        swap_used=swap[1] if swap else None,
        net_in=cards.bytes_in if cards else None,
        net_out=cards.bytes_out if cards else None,
        packets_in=cards.packets_in if cards else None,
        packets_out=cards.packets_out if cards else None,
        racct=racct,
        pools=_pools(session),
    )


def _pools(session: Session) -> list[PoolSample]:
    try:
        return [
            PoolSample(
                name=pool.name,
                size=pool.size,
                used=pool.size - pool.free,
                free=pool.free,
                health=pool.health,
            )
            for pool in session.zfs.pools()
        ]
    except BsdvirtError:
        return []


class _Reader:
    """What was read for all guests at once, from which each gets its own."""

    def __init__(
        self,
        session: Session,
        kept: Kept,
        shown: Mapping[str, str],
        used: Mapping[str, Used],
        traffic: Mapping[str, Traffic],
        counted: Mapping[str, Mapping[str, int]],
        limits: Mapping[str, int],
    ) -> None:
        self._kept = kept
        self._shown = shown
        self._used = used
        self._traffic = traffic
        self._counted = counted
        self._limits = limits
        self._host_cpus = number(shown, "hw.ncpu") or 1
        # Another user may not see the processes of a guest: that is not the same as none.
        self._none = Used() if os.geteuid() == session.host.owner_uid else None

    def guest(self, one: Running) -> GuestSample:
        name = one.guest.name
        used = self._used.get(name) or (self._none if one.jid is not None else None)
        counted = self._counted.get(name, {})
        nics = self._nics(one)
        io = self._io(name)
        room = self._kept.room(name)
        limit = self._limits.get(jail_subject(name)) if one.jid is not None else None
        return GuestSample(
            name=name,
            kind=one.guest.identity.kind,
            jid=one.jid,
            pid=one.pid,
            uptime=used.uptime if used and used.processes else None,
            cpus=min(self._host_cpus, room.cpus or self._host_cpus),
            cpu_seconds=round(used.seconds, 2) if used else None,
            cputime=counted.get("cputime"),
            memory=self._memory(name, used, counted),
            memory_limit=limit or room.memory,
            virtual=counted.get("vmemoryuse", used.virtual if used else None),
            swap=counted.get("swapuse"),
            processes=counted.get("maxproc", used.processes if used else None),
            threads=counted.get("nthr", used.threads if used else None),
            files=counted.get("openfiles"),
            net_in=sum(nic.net_in for nic in nics) if nics else None,
            net_out=sum(nic.net_out for nic in nics) if nics else None,
            packets_in=sum(nic.packets_in for nic in nics) if nics else None,
            packets_out=sum(nic.packets_out for nic in nics) if nics else None,
            nics=nics,
            read=io.read if io else None,
            written=io.written if io else None,
            reads=io.reads if io else None,
            writes=io.writes if io else None,
            used=one.guest.used or None,
        )

    def _memory(self, name: str, used: Used | None, counted: Mapping[str, int]) -> int | None:
        memory = counted.get("memoryuse", used.memory if used else None)
        return None if memory is None else memory + self._kept.memory_beside(name)

    def _nics(self, one: Running) -> list[NicSample]:
        """Return the traffic of its interfaces: what the host's side sends, the guest receives."""
        return [
            NicSample(
                nic=nic,
                interface=port,
                net_in=seen.bytes_out,
                net_out=seen.bytes_in,
                packets_in=seen.packets_out,
                packets_out=seen.packets_in,
            )
            for nic, port in enumerate(one.ports)
            if (seen := self._traffic.get(port)) is not None
        ]

    def _io(self, name: str) -> Io | None:
        found = [io_of(objset, self._shown) for objset in self._kept.objsets(name)]
        known = [io for io in found if io is not None]
        return Io(*map(sum, zip(*known, strict=True))) if known else None
