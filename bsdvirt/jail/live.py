"""What a running jail takes at once: limits and CPUs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bsdvirt.cpu.limits import cpuset_changes, limit_changes
from bsdvirt.facts.host import Kernel
from bsdvirt.facts.rctl import Rule
from bsdvirt.jail.clean import subject
from bsdvirt.plan.step import Step
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.types import CpuList


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What the kernel holds of a running jail."""

    kernel: Kernel
    rules: Sequence[Rule]
    mask: CpuList


def touches_kernel(before: Jail, after: Jail) -> bool:
    """Whether anything of the change is the kernel's, and the facts are needed."""
    return before.limits != after.limits or before.cpuset != after.cpuset


def live_steps(name: str, before: Jail, after: Jail, facts: LiveFacts) -> list[Step]:
    """Bring the kernel from one to the other; each step undone to what it holds now.

    Raises HostError where a limit is wanted and resources are not accounted for.
    """
    steps = list(
        limit_changes(name, subject(name), before.limits, after.limits, facts.kernel, facts.rules)
    )
    if before.cpuset != after.cpuset:
        steps += cpuset_changes(("-j", name), after.cpuset, facts.mask, facts.kernel)
    return steps
