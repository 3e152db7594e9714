"""Who may run where, and shares CPUs with whom: the rows of `cpu map`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bsdvirt.cpu.topology import Cpus, Topology
from bsdvirt.rows.cpu import (
    CpuCache,
    CpuGroup,
    CpuGuest,
    CpuHost,
    CpuMap,
    CpuPins,
    CpuRow,
    VcpuPin,
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A guest, and the CPUs that it may run on."""

    name: str
    kind: str
    state: str
    running: bool
    cpus: Cpus | None = None
    """None for all."""
    cpuset: str | None = None
    """What its file says."""
    virtual: int | None = None
    pins: Mapping[int, Cpus] = field(default_factory=dict)
    error: str | None = None
    """Why its CPUs are unknown."""
    placement: str | None = None
    """What its file says."""
    claimed: Cpus | None = None
    """What placement has chosen."""


def cpu_map(topology: Topology, guests: Iterable[Placed], busy: Sequence[float | None]) -> CpuMap:
    """Return the map; `busy` is how busy each CPU is, by number."""
    placed = sorted(guests, key=lambda guest: guest.name)
    return CpuMap(
        host=_host(topology),
        cpus=_cpus(topology, placed, busy),
        guests=_guests(topology, placed),
    )


def _host(topology: Topology) -> CpuHost:
    caches = enumerate(topology.caches)
    return CpuHost(
        model=topology.model,
        cpus=list(topology.cpus),
        absent=list(topology.absent),
        threads=topology.threads,
        hypervisor=topology.hypervisor,
        packages=_groups(topology.packages),
        domains=_groups(topology.domains),
        caches=[CpuCache(number=n, cpus=list(cpus), level=level) for n, (level, cpus) in caches],
        cores=_groups(topology.cores),
    )


def _groups(groups: Sequence[Cpus]) -> list[CpuGroup]:
    return [CpuGroup(number=number, cpus=list(cpus)) for number, cpus in enumerate(groups)]


def _everywhere(topology: Topology, guest: Placed) -> bool:
    return guest.error is None and (guest.cpus is None or set(topology.cpus) <= set(guest.cpus))


def _cpus(
    topology: Topology, guests: Sequence[Placed], busy: Sequence[float | None]
) -> list[CpuRow]:
    runs: dict[int, list[str]] = {cpu: [] for cpu in topology.cpus}
    stopped: dict[int, list[str]] = {cpu: [] for cpu in topology.cpus}
    pins: dict[int, list[CpuPins]] = {cpu: [] for cpu in topology.cpus}
    for guest in guests:
        if not guest.running or not _everywhere(topology, guest):
            for cpu in guest.cpus or ():
                if cpu in runs:
                    (runs if guest.running else stopped)[cpu].append(guest.name)
        if guest.running:
            for cpu, vcpus in _pinned(guest).items():
                if cpu in pins:
                    pins[cpu].append(CpuPins(guest=guest.name, vcpus=vcpus))
    return [
        CpuRow(
            number=cpu,
            package=topology.package_of.get(cpu),
            domain=topology.domain_of[cpu],
            core=topology.core_of[cpu],
            thread=topology.cores[topology.core_of[cpu]].index(cpu),
            busy=_load(busy, cpu),
            guests=runs[cpu],
            stopped=stopped[cpu],
            pins=pins[cpu],
        )
        for cpu in topology.cpus
    ]


def _load(busy: Sequence[float | None], cpu: int) -> float | None:
    load = busy[cpu] if cpu < len(busy) else None
    return None if load is None else round(load, 1)


def _pinned(guest: Placed) -> dict[int, list[int]]:
    """Return the virtual CPUs that are pinned to each CPU."""
    found: dict[int, list[int]] = {}
    for vcpu, cpus in sorted(guest.pins.items()):
        for cpu in cpus:
            found.setdefault(cpu, []).append(vcpu)
    return found


def _guests(topology: Topology, guests: Sequence[Placed]) -> list[CpuGuest]:
    every = _mask(topology.cpus)
    masks = {g.name: every if g.cpus is None else _mask(g.cpus) for g in guests if g.error is None}
    running = {guest.name: masks[guest.name] for guest in guests if _counts(guest)}
    own = {g.name: masks[g.name] for g in guests if _counts(g) and not _everywhere(topology, g)}
    return [
        _guest(topology, guest, masks.get(guest.name, 0), running, own, len(running) - len(own))
        for guest in guests
    ]


def _counts(guest: Placed) -> bool:
    return guest.running and guest.error is None


def _guest(
    topology: Topology,
    guest: Placed,
    mask: int,
    running: Mapping[str, int],
    own: Mapping[str, int],
    everywhere: int,
) -> CpuGuest:
    cpus = topology.cpus if guest.cpus is None and guest.error is None else guest.cpus or ()
    shared = [name for name, other in own.items() if other & mask and name != guest.name]
    others = everywhere - (guest.name in running and guest.name not in own)
    return CpuGuest(
        name=guest.name,
        kind=guest.kind,
        state=guest.state,
        running=guest.running,
        cpuset=guest.cpuset,
        placement=guest.placement,
        claimed=None if guest.claimed is None else list(guest.claimed),
        cpus=list(cpus),
        count=len(cpus),
        everywhere=_everywhere(topology, guest),
        vcpus=guest.virtual,
        pins=[VcpuPin(vcpu=n, cpus=list(cpus)) for n, cpus in sorted(guest.pins.items())],
        exclusive=_counts(guest) and not shared and not others,
        shared_with=shared,
        error=guest.error,
    )


def _mask(cpus: Iterable[int]) -> int:
    bits = 0
    for cpu in cpus:
        bits |= 1 << cpu
    return bits
