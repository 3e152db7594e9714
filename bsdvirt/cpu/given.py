"""The CPUs that each guest is to run on: its claim, else its cpuset, else all CPUs that no other
guest has for itself. Pure, but for the topology, which is read when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from msgspec import Struct, field

from bsdvirt.cpu.placement import Holder, Policy, open_cpus
from bsdvirt.cpu.topology import Cpus, Topology
from bsdvirt.cpu.vcpupins import pins_for
from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import CpuClaim
from bsdvirt.spec.types import CpuList

SpecT = TypeVar("SpecT", bound=GuestSpec)


class HostCpus(Struct, frozen=True, dict=True):
    """What the guests of a host have claimed of its CPUs."""

    claims: Mapping[str, CpuClaim] = field(default_factory=dict)
    """By guest."""
    reserved: Cpus = ()
    """CPUs that no guest is given."""
    spread: bool = True
    read: Callable[[], Topology] | None = None
    """Returns the topology of the host."""

    @cached_property
    def topology(self) -> Topology:
        if self.read is None:
            raise ValueError("the topology of the host is not known")
        return self.read()

    @cached_property
    def alone(self) -> dict[int, str]:
        """The CPUs that a guest has for itself, each with that guest."""
        claims = ((name, claim) for name, claim in self.claims.items() if claim.exclusive)
        return {cpu: name for name, claim in claims for cpu in claim.cpus.cpus}

    @cached_property
    def open(self) -> CpuList | None:
        """The CPUs for guests without any of their own, and for supervisors; None for all."""
        if not self.alone and not self.reserved:
            return None
        cpus = open_cpus(self.topology, self.holders(), self.policy)
        return None if set(cpus) == set(self.topology.cpus) else CpuList.of(cpus)

    @property
    def policy(self) -> Policy:
        """How the planner is to choose."""
        return Policy(self.reserved, self.spread)

    def holders(self) -> list[Holder]:
        """Return the claims as the planner takes them."""
        return [
            Holder(name, claim.cpus.cpus, claim.exclusive) for name, claim in self.claims.items()
        ]

    def given(self, name: str, spec: SpecT) -> SpecT:
        """Return what a guest's file says, with the CPUs that it is to run on as its cpuset, and
        each pin on CPUs of the host."""
        claim = self.claims.get(name) if spec.placement != "none" else None
        cpuset = claim.cpus if claim else spec.cpuset or self.open
        if cpuset == spec.cpuset and spec.placement == "none" and not spec.pins_itself:
            return spec
        if claim is not None:
            cpuset = claim.cpus.with_memory(self.memory(claim.cpus))
        return spec.on_cpus(cpuset, self._pins(spec, cpuset) if spec.pins_itself else None)

    def _pins(self, spec: GuestSpec, cpuset: CpuList | None) -> Mapping[int, Cpus]:
        if cpuset is None:
            return {}
        return pins_for(self.topology, cpuset.cpus, spec.cpus or 1, spec.core_threads)

    def refuse(self, name: str, spec: GuestSpec, *, reserved: bool = True) -> None:
        """Raise ConflictError if the file names CPUs that another guest has for itself, UsageError
        if they are reserved. CPUs may be reserved later than a guest is made: `reserved` is false
        where that must not keep it from running."""
        for what, cpus in spec.named_cpus():
            for cpu in cpus:
                holder = self.alone.get(cpu)
                if holder is not None and holder != name:
                    raise ConflictError(
                        f"{name}: {what}: {holder} has CPU {cpu} for itself",
                        f"choose other CPUs: bsdvirt cpu map; or bsdvirt set {holder}"
                        " placement=shared",
                    )
                if reserved and cpu in self.reserved:
                    raise UsageError(
                        f"{name}: {what}: CPU {cpu} is reserved for the host",
                        "choose other CPUs: bsdvirt cpu map; or change reserved_cpus in the"
                        " host file",
                    )

    def on_reserved(self, spec: GuestSpec) -> tuple[str, ...]:
        """Return a note on CPUs that the file names, and that are reserved for the host."""
        named = {cpu for _, cpus in spec.named_cpus() for cpu in cpus} & set(self.reserved)
        if not named:
            return ()
        return (f"it runs on CPUs that are reserved for the host: {CpuList.of(named)}",)

    def wrong(self, name: str, claim: CpuClaim) -> str:
        """Return why the claim of a guest cannot stay; empty if it can. An invalid claim is of
        another machine, or of this one as it was."""
        mine, cpus = set(claim.cpus.cpus), self.topology.cpus
        if absent := sorted(mine - set(cpus)):
            return f"this host has no CPU {absent[0]}"
        if taken := sorted(mine & set(self.reserved)):
            return f"CPU {taken[0]} is reserved for the host"
        for other, theirs in self._clashes(name, claim):
            both = sorted(mine & set(theirs.cpus.cpus))
            if both:
                return f"{other} has CPU {both[0]}, too"
        return ""

    @cached_property
    def _exclusive(self) -> list[tuple[str, CpuClaim]]:
        found = [(name, claim) for name, claim in self.claims.items() if claim.exclusive]
        return sorted(found, key=lambda one: one[0])

    def _clashes(self, name: str, claim: CpuClaim) -> Iterator[tuple[str, CpuClaim]]:
        """Yield the claims that must not meet this one. Of two that are exclusive, that of the
        guest whose name comes first stays."""
        for other, theirs in self._exclusive:
            if other != name and (not claim.exclusive or other < name):
                yield other, theirs

    def memory(self, cpus: CpuList) -> str:
        """Return the policy and the domain of cpuset(1) for the memory of a guest on these CPUs;
        empty if the host has one domain, or they are in several.

        In several, the kernel's own policy, first-touch, has memory near the CPUs. A jail that was
        given some domains could never be given others (cpuset_modify_domain() in kern_cpuset.c);
        `prefer` keeps the others as a fallback.
        """
        mine = set(cpus.cpus)
        domains = [n for n, cpus in enumerate(self.topology.domains) if mine & set(cpus)]
        several = len(self.topology.domains) > 1
        return f"prefer:{domains[0]}" if several and len(domains) == 1 else ""
