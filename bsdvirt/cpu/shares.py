"""Who may run where, and shares CPUs with whom: the rows of `cpu map`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from msgspec import Struct, field

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


class Placed(Struct, frozen=True):
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
    owns: bool = False
    """Whether that claim is exclusive."""


class _Shared(Struct, frozen=True, dict=True):
    """The host's CPUs as guests without any of their own see them."""

    topology: Topology
    reserved: Cpus
    owners: Mapping[int, str]
    """The guest that has a CPU for itself."""

    @cached_property
    def open(self) -> frozenset[int]:
        """The CPUs of guests without any of their own."""
        every = frozenset(self.topology.cpus)
        return every - set(self.owners) - set(self.reserved) or every - set(self.owners) or every

    def everywhere(self, guest: Placed) -> bool:
        """Return whether a guest may run wherever one without CPUs of its own may."""
        if guest.error is not None or (guest.owns and guest.claimed):
            return False
        return guest.cpus is None or self.open <= set(guest.cpus)


def cpu_map(
    topology: Topology,
    guests: Iterable[Placed],
    busy: Sequence[float | None],
    reserved: Cpus = (),
) -> CpuMap:
    """Return the map; `busy` is how busy each CPU is, by number."""
    placed = sorted(guests, key=lambda guest: guest.name)
    owners = {cpu: guest.name for guest in placed if guest.owns for cpu in guest.claimed or ()}
    shared = _Shared(topology, tuple(cpu for cpu in reserved if cpu in topology.cpus), owners)
    return CpuMap(
        host=_host(shared), cpus=_cpus(shared, placed, busy), guests=_guests(shared, placed)
    )


def _host(shared: _Shared) -> CpuHost:
    topology = shared.topology
    caches = enumerate(topology.caches)
    return CpuHost(
        model=topology.model,
        cpus=list(topology.cpus),
        absent=list(topology.absent),
        reserved=list(shared.reserved),
        threads=topology.threads,
        hypervisor=topology.hypervisor,
        packages=_groups(topology.packages),
        domains=_groups(topology.domains),
        caches=[CpuCache(number=n, cpus=list(cpus), level=level) for n, (level, cpus) in caches],
        cores=_groups(topology.cores),
    )


def _groups(groups: Sequence[Cpus]) -> list[CpuGroup]:
    return [CpuGroup(number=number, cpus=list(cpus)) for number, cpus in enumerate(groups)]


def _cpus(shared: _Shared, guests: Sequence[Placed], busy: Sequence[float | None]) -> list[CpuRow]:
    topology = shared.topology
    runs: dict[int, list[str]] = {cpu: [] for cpu in topology.cpus}
    stopped: dict[int, list[str]] = {cpu: [] for cpu in topology.cpus}
    pins: dict[int, list[CpuPins]] = {cpu: [] for cpu in topology.cpus}
    for guest in guests:
        if not guest.running or not shared.everywhere(guest):
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
            reserved=cpu in shared.reserved,
            owner=shared.owners.get(cpu),
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


def _guests(shared: _Shared, guests: Sequence[Placed]) -> list[CpuGuest]:
    every = _mask(shared.topology.cpus)
    masks = {g.name: every if g.cpus is None else _mask(g.cpus) for g in guests if g.error is None}
    running = [guest for guest in guests if _counts(guest)]
    own = {g.name: masks[g.name] for g in running if not shared.everywhere(g)}
    common = Counter(masks[g.name] for g in running if g.name not in own)
    return [_guest(shared, guest, masks.get(guest.name, 0), own, common) for guest in guests]


def _counts(guest: Placed) -> bool:
    return guest.running and guest.error is None


def _guest(
    shared: _Shared, guest: Placed, mask: int, own: Mapping[str, int], common: Mapping[int, int]
) -> CpuGuest:
    """Return a row. `own` are the running guests with CPUs of their own, `common` how many others
    run on the same CPUs."""
    cpus = shared.topology.cpus if guest.cpus is None and guest.error is None else guest.cpus or ()
    with_it = [name for name, other in own.items() if other & mask and name != guest.name]
    others = sum(count for other, count in common.items() if other & mask)
    others -= _counts(guest) and guest.name not in own
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
        owns=guest.owns and guest.claimed is not None,
        everywhere=shared.everywhere(guest),
        vcpus=guest.virtual,
        pins=[VcpuPin(vcpu=n, cpus=list(cpus)) for n, cpus in sorted(guest.pins.items())],
        exclusive=_counts(guest) and not with_it and not others,
        shared_with=with_it,
        error=guest.error,
    )


def _mask(cpus: Iterable[int]) -> int:
    bits = 0
    for cpu in cpus:
        bits |= 1 << cpu
    return bits
