"""`cpu rebalance`: moves of guests that lessen the sharing of CPUs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bsdvirt.cpu.placement import Holder, Policy
from bsdvirt.cpu.topology import Cpus, Topology


@dataclass(frozen=True, slots=True)
class Claim:
    """A guest's claim that may be moved: a placement, not an exact cpuset."""

    name: str
    cpus: Cpus
    exclusive: bool = False
    weight: int = 0
    """How many CPUs it can keep busy; 0 for as many as it has."""
    threads: int = 1
    running: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """One guest to other CPUs. In their order, no move meets an exclusive claim."""

    name: str
    before: Cpus
    after: Cpus
    shared_before: float
    """How many CPUs' worth of other guests' load is on its CPUs."""
    shared_after: float
    why: str


def rebalance(
    topology: Topology, claims: Sequence[Claim], fixed: Sequence[Holder], policy: Policy
) -> list[Move]:
    """Return the moves, in order; none if no move helps. `fixed` are guests that stay where they
    are: those with an exact cpuset."""
    return []
