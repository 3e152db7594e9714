"""What a running virtual machine takes at once: limits and CPUs of its process. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bsdvirt.errors import HostError
from bsdvirt.host import tools
from bsdvirt.host.facts import Kernel
from bsdvirt.host.parse.rctl import Rule
from bsdvirt.plan.step import Command, LimitsExist, Not, Step, Undo
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm, VmLimits


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
    steps: list[Step] = []
    for resource in VmLimits.__struct_fields__:
        new = getattr(after.limits, resource)
        if new != getattr(before.limits, resource):
            need_racct(name, after, facts.kernel)
            steps += _limit_steps(resource, None if new is None else int(new), facts)
    if before.cpuset != after.cpuset:
        steps += _cpuset_steps(after, facts)
    return steps


def need_racct(name: str, vm: Vm, kernel: Kernel) -> None:
    """Raises HostError, with the remedy, where limits would not be kept."""
    if not kernel.racct and limit_rules("", vm.limits):
        raise HostError(
            f"{name}: limits need resource accounting, which is off",
            "put kern.racct.enable=1 in /boot/loader.conf and reboot, or take the limits away",
        )


def subject(pid: int | str) -> str:
    """The process as rctl(8) names it."""
    return f"process:{pid}"


def limit_rules(pid: int | str, limits: VmLimits) -> list[str]:
    """The limits as rules of rctl(8) for the process `pid`."""
    rules = []
    for resource in limits.__struct_fields__:
        value = getattr(limits, resource)
        if value is not None:
            rules.append(f"{subject(pid)}:{_kind(resource)}={int(value)}")
    return rules


def _kind(resource: str) -> str:
    """rctl(8) refuses deny for input and output (captures/04)."""
    return f"{resource}:{'deny' if resource == 'pcpu' else 'throttle'}"


def _limit_steps(resource: str, new: int | None, facts: VmLiveFacts) -> Iterator[Step]:
    """The new rule first, then the old ones go: at no moment is there none.

    The kernel replaces a rule of deny by itself, and keeps every amount of the others
    (rctl_rule_add in kern_rctl.c).
    """
    kind, who = _kind(resource), subject(facts.pid)
    had = [r.amount for r in facts.rules if r.subject == who and r.kind == kind and r.amount != new]
    replaces = kind.endswith(":deny")
    if new is not None:
        rule = f"{kind}={new}"
        undo = Undo(Command((tools.RCTL, "-r", f"{who}:{rule}")), LimitsExist(who, rule))
        if had and replaces:
            undo = Undo(Command((tools.RCTL, "-a", f"{who}:{kind}={had[0]}")))
        yield Step(
            Command((tools.RCTL, "-a", f"{who}:{rule}")),
            f"limit {resource} now",
            undo=(undo,),
            unless=LimitsExist(who, rule),
        )
        if replaces:
            return
    for amount in had:
        rule = f"{kind}={amount}"
        yield Step(
            Command((tools.RCTL, "-r", f"{who}:{rule}")),
            f"its limit of {resource} until now",
            undo=(Undo(Command((tools.RCTL, "-a", f"{who}:{rule}"))),),
            unless=Not(LimitsExist(who, rule)),
        )


def _cpuset_steps(after: Vm, facts: VmLiveFacts) -> list[Step]:
    wanted = after.cpuset or CpuList.of(list(range(facts.kernel.cpus)))
    if wanted == facts.mask:
        return []

    def argv(cpus: CpuList) -> tuple[str, ...]:
        return (tools.CPUSET, "-l", str(cpus), "-p", str(facts.pid))

    return [
        Step(
            Command(argv(wanted)),
            "its CPUs now" if after.cpuset else "all CPUs now",
            undo=(Undo(Command(argv(facts.mask))),),
        )
    ]
