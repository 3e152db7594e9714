"""What a running virtual machine takes at once: limits and CPUs of its process. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bsdvirt.cpu.limits import cpuset_changes, limit_changes
from bsdvirt.facts.host import Kernel
from bsdvirt.facts.rctl import Rule
from bsdvirt.plan.step import Step
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm


@dataclass(frozen=True, slots=True)
class VmLiveFacts:
    """What the kernel holds of the process bhyve."""

    kernel: Kernel
    pid: int
    rules: Sequence[Rule]
    mask: CpuList


def touches_kernel(before: Vm, after: Vm) -> bool:
    """Whether anything of the change is the kernel's, and the facts are needed."""
    return before.limits != after.limits or before.cpuset != after.cpuset


def live_steps(name: str, before: Vm, after: Vm, facts: VmLiveFacts) -> list[Step]:
    """Bring the process from one to the other; each step undone to what it holds now.

    The supervisor's file is not among them: what it applies is read at the next start.
    Raises HostError where a limit is wanted and resources are not accounted for.
    """
    who = subject(facts.pid)
    steps = list(limit_changes(name, who, before.limits, after.limits, facts.kernel, facts.rules))
    if before.cpuset != after.cpuset:
        of = ("-p", str(facts.pid))
        steps += cpuset_changes(of, after.cpuset, facts.mask, facts.kernel)
    return steps


def subject(pid: int | str) -> str:
    """The process as rctl(8) names it."""
    return f"process:{pid}"
