"""`cpu explain`: the sets of CPUs that a guest could have, and what each costs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.cpu.placement import Holder, Policy, Wish, place
from bsdvirt.cpu.topology import Topology
from bsdvirt.rows.cpu import CpuChoice


def explain(topology: Topology, wish: Wish, holders: Sequence[Holder], policy: Policy) -> CpuChoice:
    """Return the candidates of a guest, and what stands in the way of the others. The guest's
    own claim is one of them; a wish that cannot be met is an `error` in the row."""
    found = place(topology, wish, holders, policy)
    return CpuChoice(
        name=wish.name,
        placement=wish.mode,
        count=wish.count,
        cpus=list(found.cpus),
        exclusive=found.exclusive,
        why=found.why,
    )


def lines(choice: CpuChoice) -> list[str]:
    """Return the choice as text."""
    return [f"{choice.name}: {choice.why}"]
