"""`pins: auto`: one CPU of the host for each virtual CPU. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.cpu.topology import Cpus, Topology


def pins_for(topology: Topology, cpus: Cpus, vcpus: int, threads: int = 1) -> Mapping[int, Cpus]:
    """Return the CPU of each virtual CPU, as a set of one, out of the guest's CPUs.

    The threads of a core of the guest are put on the threads of a core of the host; a guest
    without threads has one virtual CPU on each core first. If there are more virtual CPUs than
    CPUs, they take them in turn.
    """
    order = _siblings_first(topology, cpus) if threads > 1 else _cores_first(topology, cpus)
    return {vcpu: (order[vcpu % len(order)],) for vcpu in range(vcpus)} if order else {}


def _by_core(topology: Topology, cpus: Cpus) -> list[Cpus]:
    """Return the CPUs, core by core: those with most threads first."""
    mine = set(cpus)
    cores = [tuple(cpu for cpu in core if cpu in mine) for core in topology.cores]
    return sorted((core for core in cores if core), key=lambda core: (-len(core), core))


def _siblings_first(topology: Topology, cpus: Cpus) -> Cpus:
    return tuple(cpu for core in _by_core(topology, cpus) for cpu in core)


def _cores_first(topology: Topology, cpus: Cpus) -> Cpus:
    cores = sorted(_by_core(topology, cpus))
    most = max(map(len, cores), default=0)
    return tuple(core[at] for at in range(most) for core in cores if at < len(core))
