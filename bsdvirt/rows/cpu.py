"""Rows of the host's CPUs: how they are connected, who may run on each."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.rows.base import PERCENT, Row, col


class CpuGroup(Row, frozen=True, kw_only=True):
    """CPUs that share something: a package, a NUMA domain, a core."""

    number: Annotated[int, col("Number of the group, from 0.")]
    cpus: Annotated[list[int], col("Numbers of its CPUs, in ascending order.")]


class CpuCache(CpuGroup, frozen=True, kw_only=True):
    """CPUs that share a cache."""

    level: Annotated[int, col("Level of the cache: 1, 2 or 3.")]


class CpuHost(Row, frozen=True, kw_only=True):
    """The CPUs of the host, and how they are connected."""

    model: Annotated[str, col("Model of the processor.")]
    cpus: Annotated[list[int], col("Numbers of the CPUs that the kernel runs on.")]
    absent: Annotated[list[int], col("Numbers of CPUs that the kernel knows and does not run on.")]
    reserved: Annotated[list[int], col("Numbers of the CPUs that are reserved for the host.")]
    threads: Annotated[int, col("Most threads of a core; 1 without SMT.")]
    hypervisor: Annotated[str | None, col("Hypervisor that the host itself is a guest of.")]
    packages: Annotated[
        list[CpuGroup], col("Processor packages; empty if the kernel does not report them.")
    ]
    domains: Annotated[list[CpuGroup], col("NUMA domains.")]
    caches: Annotated[list[CpuCache], col("Caches that more than one core shares.")]
    cores: Annotated[list[CpuGroup], col("Cores, each with its threads.")]


class CpuPins(Row, frozen=True, kw_only=True):
    """Virtual CPUs of a guest that are pinned to a CPU."""

    guest: Annotated[str, col("Name of the virtual machine.")]
    vcpus: Annotated[list[int], col("Numbers of its virtual CPUs.")]


class CpuRow(Row, frozen=True, kw_only=True):
    """One CPU of the host."""

    number: Annotated[int, col("Number of the CPU.")]
    package: Annotated[int | None, col("Number of its package.")]
    domain: Annotated[int, col("Number of its NUMA domain.")]
    core: Annotated[int, col("Number of its core.")]
    thread: Annotated[int, col("Position among the threads of its core, from 0.")]
    reserved: Annotated[bool, col("Whether it is reserved for the host.")]
    owner: Annotated[str | None, col("Guest that has it for itself, running or not.")]
    busy: Annotated[float | None, col("How busy it is; null without two samples.", unit=PERCENT)]
    guests: Annotated[list[str], col("Running guests that may run on it, and not everywhere.")]
    stopped: Annotated[list[str], col("Guests that do not run, and whose file names this CPU.")]
    pins: Annotated[list[CpuPins], col("Virtual CPUs that are pinned to it.")]


class VcpuPin(Row, frozen=True, kw_only=True):
    """Where one virtual CPU of a guest may run."""

    vcpu: Annotated[int, col("Number of the virtual CPU.")]
    cpus: Annotated[list[int], col("Numbers of the CPUs that it is pinned to.")]


class CpuGuest(Row, frozen=True, kw_only=True):
    """The CPUs of one guest."""

    name: Annotated[str, col("Name of the guest.")]
    kind: Annotated[str, col("Either jail or vm.")]
    state: Annotated[str, col("State, as `ls` prints it.")]
    running: Annotated[
        bool, col("Whether it runs: then the kernel says its CPUs, otherwise its file.")
    ]
    cpuset: Annotated[str | None, col("Value of the property cpuset.")]
    placement: Annotated[str | None, col("Value of the property placement.")]
    claimed: Annotated[
        list[int] | None, col("Numbers of the CPUs that placement has chosen; null without it.")
    ]
    cpus: Annotated[list[int], col("Numbers of the CPUs that it may run on.")]
    count: Annotated[int, col("Number of these CPUs.")]
    owns: Annotated[bool, col("Whether no other guest may be given the CPUs that it claimed.")]
    everywhere: Annotated[
        bool,
        col(
            "Whether these are all CPUs of the host, but for reserved ones and those that a "
            "guest has for itself."
        ),
    ]
    vcpus: Annotated[int | None, col("Number of virtual CPUs of a virtual machine.")]
    pins: Annotated[list[VcpuPin], col("Virtual CPUs that are pinned.")]
    exclusive: Annotated[bool, col("Whether no other running guest may run on its CPUs.")]
    shared_with: Annotated[
        list[str], col("Other running guests that may run on some of its CPUs, and not everywhere.")
    ]
    error: Annotated[str | None, col("Why its CPUs are unknown.")] = None


class CpuMap(Row, frozen=True, kw_only=True):
    """What `cpu map` prints."""

    host: Annotated[CpuHost, col("The CPUs of the host, and how they are connected.")]
    cpus: Annotated[list[CpuRow], col("Each CPU, in ascending order.")]
    guests: Annotated[list[CpuGuest], col("Each guest, by name.")]


class CpuCandidate(Row, frozen=True, kw_only=True):
    """A part of the host, and the best CPUs for a guest there."""

    where: Annotated[str, col("Part of the host: a package, domain, cache or kind of core.")]
    of: Annotated[list[int], col("Numbers of the CPUs of this part.")]
    cpus: Annotated[list[int], col("Numbers of the best CPUs; empty if there are too few.")]
    chosen: Annotated[bool, col("Whether these are the guest's CPUs.")]
    available: Annotated[int, col("How many CPUs there the guest could be given.")]
    free: Annotated[int, col("How many CPUs there no other guest has claimed.")]
    shared: Annotated[
        float, col("Load that other guests can put on these CPUs, in CPUs that are kept busy.")
    ]
    siblings: Annotated[float, col("Such load on the other threads of the same cores.")]
    halves: Annotated[int, col("Number of cores of which only some threads are used.")]
    packages: Annotated[int, col("Number of packages that these CPUs are in.")]
    domains: Annotated[int, col("Number of NUMA domains.")]
    caches: Annotated[int, col("Number of caches of the last level.")]
    guests: Annotated[list[str], col("Guests with whom these CPUs are shared.")]
    in_way: Annotated[list[str], col("Guests that hold CPUs there that it cannot be given.")]


class CpuChoice(Row, frozen=True, kw_only=True):
    """What `cpu explain` prints."""

    name: Annotated[str, col("Name of the guest.")]
    placement: Annotated[str, col("Either shared, exclusive or auto.")]
    count: Annotated[int, col("Number of CPUs that it asks for.")]
    policy: Annotated[str, col("Policy of the host: spread or pack.")]
    reserved: Annotated[list[int], col("Numbers of the CPUs that no guest is given.")]
    cpus: Annotated[list[int], col("Numbers of the CPUs that are chosen; empty if it has none.")]
    exclusive: Annotated[bool, col("Whether no other guest may use them.")]
    why: Annotated[str, col("Why these CPUs are chosen; empty without any.")]
    candidates: Annotated[
        list[CpuCandidate], col("The parts of the host that were compared, the best first.")
    ]
    error: Annotated[str | None, col("Why there are no CPUs for it.")] = None
    hint: Annotated[str | None, col("What to do about that.")] = None
