"""The host's CPUs as a tree of regions: packages, NUMA domains, caches, kinds of cores. Pure.

Sets of CPUs are bits of an integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct, field

from bsdvirt.cpu.topology import Cpus, Topology

Pool = Literal["shared", "free", "clean"]
"""CPUs that no guest has for itself; that no guest has claimed; of cores that no guest uses."""
Key = tuple[int, ...]
HOST = "the host"
OTHER = "other CPUs"


class Want(NamedTuple):
    """What a guest asks of the host."""

    size: int
    pool: Pool
    whole: bool = False
    """Whether it knows of threads, so that half a core is worse than a shared one."""


def mask_of(cpus: Iterable[int]) -> int:
    """Return CPUs as bits."""
    bits = 0
    for cpu in cpus:
        bits |= 1 << cpu
    return bits


def cpus_of(mask: int) -> Cpus:
    """Return the CPUs of bits, in ascending order."""
    return tuple(each(mask))


def each(mask: int) -> Iterator[int]:
    """Yield the CPUs of bits, in ascending order."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Cost(NamedTuple):
    """What a set of CPUs costs."""

    packages: int = 0
    """Packages beyond the first; domains and caches likewise."""
    domains: int = 0
    caches: int = 0
    kinds: int = 0
    """Kinds of cores beyond the first: with and without a second thread, they differ in speed."""
    load: int = 0
    """Load of other guests on these CPUs."""
    siblings: int = 0
    """Load of others on the other threads of the same cores."""
    halves: int = 0
    """Cores that are used in part."""
    clusters: int = 0
    """As caches, for smaller ones that several cores share."""

    def key(self, want: Want) -> Key:
        """Return what is compared: the first difference decides. A guest that shares is to be near
        one cache first; one that wants CPUs for itself is to have whole cores first, as the other
        thread of a core would disturb it."""
        far, near = (self.packages, self.domains), (self.caches, self.kinds)
        loads = (self.load, self.siblings, self.halves)
        if want.whole:
            loads = (self.halves, self.load, self.siblings)
        if want.pool != "shared":
            return (*far, self.siblings, *near, *loads, self.clusters)
        return (*far, *near, *loads, self.clusters)


class Found(NamedTuple):
    """A set of CPUs and its cost."""

    key: Key
    mask: int
    cost: Cost


class Region(Struct):
    """CPUs that share something."""

    title: str
    mask: int
    cores: tuple[int, ...]
    children: tuple[Region, ...] = ()
    load: int = 0
    known: dict[Want, Found | None] = field(default_factory=dict)


class Level(Struct, frozen=True):
    """Groups of CPUs that a guest should not cross."""

    name: str
    """A field of Cost."""
    groups: tuple[tuple[str, int], ...]
    """What each is called, and its CPUs."""


def levels_of(topology: Topology) -> list[Level]:
    """Return the levels, the largest groups first."""
    packages = [(f"package {n}", mask_of(cpus)) for n, cpus in enumerate(topology.packages)]
    domains = [(f"domain {n}", mask_of(cpus)) for n, cpus in enumerate(topology.domains) if cpus]
    caches = [(f"L{level}", mask_of(cpus)) for level, cpus in topology.caches]
    outer = [
        (title, mask)
        for at, (title, mask) in enumerate(caches)
        if all(mask & ~larger for _, larger in caches[:at])
    ]
    inner = [cache for cache in caches if cache not in outer]
    sizes = sorted({len(core) for core in topology.cores}, reverse=True)
    kinds = [
        ("cores with one thread" if size == 1 else f"cores with {size} threads",
         mask_of(cpu for core in topology.cores if len(core) == size for cpu in core))
        for size in sizes
    ]  # fmt: skip
    groups = {"packages": packages, "domains": domains, "caches": outer, "kinds": kinds,
              "clusters": inner}  # fmt: skip
    every = mask_of(topology.cpus)
    return [Level(name, tuple(_whole(group, every))) for name, group in groups.items()]


def _whole(groups: Sequence[tuple[str, int]], every: int) -> Iterator[tuple[str, int]]:
    """Yield the groups, and the CPUs that are in none of them as one more."""
    yield from groups
    if rest := every & ~mask_of(cpu for _, group in groups for cpu in each(group)):
        yield OTHER, rest


def parts(level: Level, mask: int) -> int:
    return sum(1 for _, group in level.groups if group & mask)


def region_of(title: str, mask: int, levels: Sequence[Level], cores: Iterable[int]) -> Region:
    """Return a region with those in it; levels that do not divide it are left out."""
    own = tuple(core for core in cores if core & mask)
    if not levels:
        return Region(title, mask, own)
    level, *rest = levels
    parts = [(name, mask & group) for name, group in level.groups if mask & group]
    if len(parts) < 2:
        same = [n for n, group in level.groups if group == mask and title != HOST and n != OTHER]
        return region_of(", ".join([title, *same]), mask, rest, own)
    children = [region_of(name, part, rest, own) for name, part in parts]
    return Region(
        title, mask, own, tuple(sorted(children, key=lambda child: child.mask & -child.mask))
    )
