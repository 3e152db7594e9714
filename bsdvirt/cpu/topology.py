"""How the host's CPUs are connected: packages, NUMA domains, caches, cores, threads. Pure.

FreeBSD tells caches and cores by the scheduler's tree, domains by cpuset(1), and the number of
packages at boot only. It tells nothing of performance and efficiency cores: those of a hybrid
processor are seen here as cores with two threads and as cores with one, in groups of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from msgspec import Struct

from bsdvirt.facts.cpus.topology import Group, TopologyFacts

Cpus = tuple[int, ...]
THREADS = frozenset({"THREAD", "SMT", "HTT"})
"""Flags of a group whose CPUs are the threads of one core."""


class Topology(Struct, frozen=True, dict=True):
    """The CPUs of a host. Each list of groups is in the order of their first CPUs."""

    cpus: Cpus
    """The CPUs that the kernel runs on."""
    absent: Cpus
    """Numbers up to the kernel's highest that it does not run on."""
    packages: tuple[Cpus, ...]
    """Empty if unknown."""
    domains: tuple[Cpus, ...]
    """By number; one with memory only has no CPU."""
    caches: tuple[tuple[int, Cpus], ...]
    """Level and CPUs of each cache that several cores share; the larger ones first."""
    cores: tuple[Cpus, ...]
    """The threads of each core."""
    model: str = ""
    hypervisor: str | None = None

    @property
    def threads(self) -> int:
        """Most threads of a core."""
        return max(len(core) for core in self.cores)

    @cached_property
    def core_of(self) -> dict[int, int]:
        """The number of each CPU's core."""
        return _index(self.cores)

    @cached_property
    def domain_of(self) -> dict[int, int]:
        """The number of each CPU's NUMA domain."""
        return _index(self.domains)

    @cached_property
    def package_of(self) -> dict[int, int]:
        """The number of each CPU's package."""
        return _index(self.packages)


def topology(facts: TopologyFacts) -> Topology:
    """Return how the CPUs are connected. Without the scheduler's tree, CPUs are numbered from 0,
    and the threads of a core follow each other, as assign_cpu_ids() in mp_x86.c numbers them."""
    top = facts.top or Group(0, tuple(range(facts.count)))
    cpus = top.cpus
    cores = _cores(top, facts.threads)
    caches = _caches(top, cores)
    domains = _domains(facts, cpus)
    return Topology(
        cpus=cpus,
        absent=tuple(sorted(set(range(facts.last + 1)) - set(cpus))),
        packages=_packages(facts.packages, cpus, domains, caches),
        domains=domains,
        caches=caches,
        cores=cores,
        model=facts.model,
        hypervisor=facts.hypervisor,
    )


def _index(groups: Sequence[Cpus]) -> dict[int, int]:
    return {cpu: number for number, group in enumerate(groups) for cpu in group}


def _walk(group: Group) -> Iterator[Group]:
    yield group
    for child in group.children:
        yield from _walk(child)


def _cores(top: Group, threads: int) -> tuple[Cpus, ...]:
    """Return the cores: groups of threads, and each CPU that is in none."""
    found = [g.cpus for g in _walk(top) if g.flags & THREADS and not g.children and g.cpus]
    if not found and threads > 1 and len(top.cpus) % threads == 0:
        # Without a cache in common, the scheduler knows the threads of no core.
        found = [top.cpus[at : at + threads] for at in range(0, len(top.cpus), threads)]
    taken = {cpu for core in found for cpu in core}
    found += [(cpu,) for cpu in top.cpus if cpu not in taken]
    return tuple(sorted(found))


def _caches(top: Group, cores: Sequence[Cpus]) -> tuple[tuple[int, Cpus], ...]:
    """Return the caches that more than one core shares."""
    core_of = _index(cores)
    shared = [
        (group.cache, group.cpus)
        for group in _walk(top)
        if group.cache > 0 and len({core_of[cpu] for cpu in group.cpus if cpu in core_of}) > 1
    ]
    return tuple(sorted(shared, key=lambda cache: (-cache[0], cache[1])))


def _domains(facts: TopologyFacts, cpus: Cpus) -> tuple[Cpus, ...]:
    """Return the NUMA domains; one of all CPUs if they do not hold each CPU once."""
    known = tuple(tuple(c for c in domain if c in cpus) for domain in facts.domains)
    return known if sorted(c for domain in known for c in domain) == list(cpus) else (cpus,)


def _packages(
    count: int | None, cpus: Cpus, domains: Sequence[Cpus], caches: Sequence[tuple[int, Cpus]]
) -> tuple[Cpus, ...]:
    """Return the packages, if there is no doubt: the kernel numbers the CPUs of one package after
    those of another, counts packages that are alike only, and no cache spans two."""
    if count == 1 or len(cpus) == 1 or any(shared == cpus for _, shared in caches):
        return (cpus,)
    if not count or len(cpus) % count:
        return ()
    size = len(cpus) // count
    packages = tuple(cpus[at : at + size] for at in range(0, len(cpus), size))
    within = [shared for _, shared in caches]
    if len(domains) >= count:
        within += [domain for domain in domains if domain]
    of = _index(packages)
    split = any(of[group[0]] != of[cpu] for group in within for cpu in group)
    return () if split else packages
