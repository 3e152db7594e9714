"""The load that guests put on the host's CPUs, and the best set of a size. Pure.

The best set of a region is known until a guest there changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bsdvirt.cpu.regions import (
    HOST,
    Cost,
    Found,
    Pool,
    Region,
    Want,
    each,
    levels_of,
    mask_of,
    parts,
    region_of,
)
from bsdvirt.cpu.topology import Topology

CPU = 100
"""The load of a CPU that is kept busy."""


class Board:
    """The CPUs of a host, and the guests on them."""

    def __init__(self, topology: Topology, reserved: int = 0, *, spread: bool = True) -> None:
        """`spread` prefers the emptiest region, else the fullest one with room."""
        self.every = mask_of(topology.cpus)
        self.usable = self.every & ~reserved
        self.spread = spread
        cores = tuple(mask_of(core) for core in topology.cores)
        self.core_of = {cpu: core for core in cores for cpu in each(core)}
        self.levels = levels_of(topology)
        self.root = region_of(HOST, self.every, self.levels, cores)
        self.tried = 0
        """How many sets were put together."""
        # The host disturbs the other threads of its own cores.
        self.load = {cpu: CPU if reserved >> cpu & 1 else 0 for cpu in topology.cpus}
        self._holders = dict.fromkeys(topology.cpus, 0)
        self._owners = dict.fromkeys(topology.cpus, 0)
        self.pools: dict[Pool, int] = {}
        self._count()

    # ---- guests ----

    def add(self, mask: int, weight: int, *, exclusive: bool = False) -> None:
        """Put a guest that can keep `weight` CPUs busy on these."""
        self._change(mask, weight, exclusive, 1)

    def remove(self, mask: int, weight: int, *, exclusive: bool = False) -> None:
        """Take a guest away that was added."""
        self._change(mask, weight, exclusive, -1)

    def _change(self, mask: int, weight: int, exclusive: bool, by: int) -> None:
        mask &= self.every
        if not mask:
            return
        share = by * max(1, CPU * weight // mask.bit_count())
        for cpu in each(mask):
            self.load[cpu] += share
            self._holders[cpu] += by
            if exclusive:
                self._owners[cpu] += by
        self._touch(self.root, mask, share)
        if by > 0:
            self._take(mask, exclusive)
        else:
            self._count()

    def _touch(self, region: Region, mask: int, share: int) -> None:
        region.load += share * (region.mask & mask).bit_count()
        region.known.clear()
        for child in region.children:
            # The load of a core's other thread counts as well, and no core is in two regions.
            if child.mask & mask:
                self._touch(child, mask, share)

    def _count(self) -> None:
        """Find the CPUs that may be taken."""
        self.pools = {"shared": self.usable, "free": self.usable, "clean": self.usable}
        for cpu in each(self.every & ~self.usable):
            self.pools["clean"] &= ~self.core_of[cpu]
        self._take(mask_of(cpu for cpu, many in self._owners.items() if many), exclusive=True)
        self._take(mask_of(cpu for cpu, many in self._holders.items() if many), exclusive=False)

    def _take(self, mask: int, exclusive: bool) -> None:
        if exclusive:
            self.pools["shared"] &= ~mask
        self.pools["free"] &= ~mask
        for cpu in each(mask):
            self.pools["clean"] &= ~self.core_of[cpu]

    # ---- the best set ----

    def best(self, want: Want, region: Region | None = None) -> Found | None:
        """Return the best set in a region, or in the host; None if there are too few CPUs."""
        region = region or self.root
        if want not in region.known:
            region.known[want] = self._best(want, region)
        return region.known[want]

    def near(self, held: int, want: Want) -> Found | None:
        """Return a set of which as much as possible is held already; None if nothing of that may
        be taken, or there is no room beside it."""
        region, there = self.root, self.pools[want.pool]
        kept = held & there
        if kept.bit_count() >= want.size:
            return self.found(self._pick(region.cores, kept, want), want)
        while inner := [
            child for child in region.children
            if not kept & ~child.mask and (child.mask & there).bit_count() >= want.size
        ]:  # fmt: skip
            region = inner[0]
        if not kept or (region.mask & there).bit_count() < want.size:
            return None
        return self.found(self._pick(region.cores, region.mask & there, want, kept), want)

    def _best(self, want: Want, region: Region) -> Found | None:
        there = self.pools[want.pool] & region.mask
        if there.bit_count() < want.size:
            return None
        if not region.children:
            return self._within(region, self._pick(region.cores, there, want), want)
        fitting = [
            (found.key, found.mask, child)
            for child in region.children
            if (found := self.best(want, child))
        ]
        if fitting:
            least = min(key for key, _, _ in fitting)
            alike = [(mask, child) for key, mask, child in fitting if key == least]
            child = min(alike, key=lambda one: (self.preference(one[1]), one[0]))[1]
            return self.best(want, child)
        return self._across(want, region)

    def preference(self, region: Region) -> tuple[int, int]:
        """Return what the host's policy compares."""
        free = (self.pools["free"] & region.mask).bit_count()
        return (-free, region.load) if self.spread else (free, -region.load)

    def _across(self, want: Want, region: Region) -> Found:
        """Return the best set over as few children as can hold it."""
        return min(self._spanning(want, self._members(want, region)))

    def _spanning(self, want: Want, members: Sequence[Region]) -> Iterator[Found]:
        """Yield sets over all of these regions: the least loaded CPUs; all CPUs of all but one; and
        such over the fewest of their own parts."""
        there = self.pools[want.pool] & mask_of(
            cpu for child in members for cpu in each(child.mask)
        )
        cores = tuple(core for child in members for core in child.cores)
        yield self.found(self._pick(cores, there, want), want)
        *whole, last = sorted(members, key=lambda one: (-(one.mask & there).bit_count(), one.mask))
        full = there & mask_of(cpu for child in whole for cpu in each(child.mask))
        left = want._replace(size=want.size - full.bit_count())
        if rest := self.best(left, last):
            yield self.found(full | rest.mask, want)
        if any(child.children for child in members):
            inner = tuple(part for child in members for part in child.children or (child,))
            yield self._across(want, Region("", there, cores, inner))

    def _members(self, want: Want, region: Region) -> list[Region]:
        """Return the fewest children that hold that many CPUs, the least loaded ones if there is
        a choice."""
        count, there = want.size, self.pools[want.pool]
        sizes = {child.mask: (child.mask & there).bit_count() for child in region.children}
        fewest, held = 0, 0
        for size in sorted(sizes.values(), reverse=True):
            if held >= count:
                break
            fewest, held = fewest + 1, held + size
        left = sorted(
            (child for child in region.children if sizes[child.mask]),
            key=lambda child: (self._mean(child.mask & there), self.preference(child), child.mask),
        )
        chosen: list[Region] = []
        while len(chosen) < fewest:
            for child in left:
                others = sorted((sizes[o.mask] for o in left if o is not child), reverse=True)
                if sizes[child.mask] + sum(others[: fewest - len(chosen) - 1]) >= count:
                    break
            chosen.append(child)
            left.remove(child)
            count -= sizes[child.mask]
        return chosen

    def _mean(self, mask: int) -> int:
        return self._loads(mask) // mask.bit_count()

    def _loads(self, mask: int) -> int:
        loads, total = self.load, 0
        while mask:
            low = mask & -mask
            total += loads[low.bit_length() - 1]
            mask ^= low
        return total

    def _pick(self, cores: Sequence[int], there: int, want: Want, kept: int = 0) -> int:
        """Return the least loaded CPUs; of those with the same load, whole cores first, and
        beside threads that are not in use. `kept` are in the set in any case."""
        self.tried += 1
        chosen, left = kept, want.size - kept.bit_count()
        free = there & ~kept
        of = {cpu: self.load[cpu] for cpu in each(free)}
        if want.whole:
            of = {cpu: self._mean(self.core_of[cpu] & there) for cpu in of}
        most = sorted(of.values())[left - 1] if left else 0
        free = mask_of(cpu for cpu, load in of.items() if load == most)
        below = mask_of(cpu for cpu, load in of.items() if load < most)
        chosen |= below
        left -= below.bit_count()
        units = []
        for core in cores:
            if mine := core & free:
                beside = core & ~free & ~chosen
                load = self._loads(beside) if beside else 0
                units.append((load, 0 if core & chosen else 1, -mine.bit_count(), mine))
        units.sort()
        for at, (load, _, size, mine) in enumerate(units):
            if not left:
                break
            if -size > left:
                # A core that is split leaves half of it: one that is split already is better.
                exact = (u for u in units[at + 1 :] if u[0] == load and -u[2] == left)
                mine = next(exact, (0, 0, 0, self._idlest(mine, left)))[3]
            chosen |= mine
            left -= mine.bit_count()
        return chosen

    def _idlest(self, mask: int, count: int) -> int:
        return mask_of(sorted(each(mask), key=lambda cpu: (self.load[cpu], cpu))[:count])

    # ---- what a set costs ----

    def _within(self, region: Region, mask: int, want: Want) -> Found:
        """Return a set within one region that has no parts: it crosses nothing."""
        cost = Cost(0, 0, 0, 0, *self._shares(region.cores, mask))
        return Found(cost.key(want), mask, cost)

    def found(self, mask: int, want: Want) -> Found:
        """Return any set with its cost."""
        load, siblings, halves = self._shares(self.root.cores, mask)
        crossed = {level.name: max(0, parts(level, mask) - 1) for level in self.levels}
        cost = Cost(**crossed, load=load, siblings=siblings, halves=halves)
        return Found(cost.key(want), mask, cost)

    def _shares(self, cores: Sequence[int], mask: int) -> tuple[int, int, int]:
        load = self._loads(mask)
        siblings = halves = 0
        for core in cores:
            beside = core & ~mask
            if beside and core & mask:
                siblings += self._loads(beside)
                halves += 1 if beside & self.usable else 0
        return load, siblings, halves
