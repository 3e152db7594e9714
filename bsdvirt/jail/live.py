"""What a running jail takes at once: limits and CPUs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bsdvirt.errors import HostError
from bsdvirt.host import tools
from bsdvirt.host.facts import Kernel
from bsdvirt.host.parse.rctl import Rule
from bsdvirt.jail.clean import subject
from bsdvirt.plan.step import Command, LimitsExist, Not, Step, Undo
from bsdvirt.spec.jail import Jail, Limits
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
    steps: list[Step] = []
    for resource in Limits.__struct_fields__:
        new = getattr(after.limits, resource)
        if new != getattr(before.limits, resource):
            need_racct(name, after, facts.kernel)
            steps += _limit_steps(name, resource, None if new is None else int(new), facts)
    if before.cpuset != after.cpuset:
        steps += _cpuset_steps(name, after, facts)
    return steps


def need_racct(name: str, jail: Jail, kernel: Kernel) -> None:
    """Raises HostError, with the remedy, where limits would not be kept."""
    if not kernel.racct and any(
        getattr(jail.limits, resource) is not None for resource in Limits.__struct_fields__
    ):
        raise HostError(
            f"{name}: limits need resource accounting, which is off",
            "put kern.racct.enable=1 in /boot/loader.conf and reboot, or take the limits away",
        )


def limit_action(resource: str) -> str:
    """rctl(8) refuses deny for input and output (captures/04)."""
    throttled = ("readbps", "writebps", "readiops", "writeiops")
    return f"{resource}:{'throttle' if resource in throttled else 'deny'}"


def _limit_steps(name: str, resource: str, new: int | None, facts: LiveFacts) -> list[Step]:
    """The new rule first, then the old ones go: at no moment is there none.

    The kernel replaces a rule of deny by itself, and keeps every amount of the others
    (rctl_rule_add in kern_rctl.c).
    """
    kind, who = limit_action(resource), subject(name)
    had = [r.amount for r in facts.rules if r.subject == who and r.kind == kind and r.amount != new]
    steps: list[Step] = []
    if new is not None:
        rule = f"{kind}={new}"
        undo = Undo(Command((tools.RCTL, "-r", f"{who}:{rule}")), LimitsExist(who, rule))
        if had and kind.endswith(":deny"):
            undo = Undo(Command((tools.RCTL, "-a", f"{who}:{kind}={had[0]}")))
        steps.append(
            Step(
                Command((tools.RCTL, "-a", f"{who}:{rule}")),
                f"limit {resource} now",
                undo=(undo,),
                unless=LimitsExist(who, rule),
            )
        )
        if kind.endswith(":deny"):
            return steps
    for amount in had:
        rule = f"{kind}={amount}"
        steps.append(
            Step(
                Command((tools.RCTL, "-r", f"{who}:{rule}")),
                f"its limit of {resource} until now",
                undo=(Undo(Command((tools.RCTL, "-a", f"{who}:{rule}"))),),
                unless=Not(LimitsExist(who, rule)),
            )
        )
    return steps


def _cpuset_steps(name: str, after: Jail, facts: LiveFacts) -> list[Step]:
    wanted = after.cpuset or CpuList.of(list(range(facts.kernel.cpus)))
    if wanted == facts.mask:
        return []

    def argv(cpus: CpuList) -> tuple[str, ...]:
        return (tools.CPUSET, "-l", str(cpus), "-j", name)

    return [
        Step(
            Command(argv(wanted)),
            "its CPUs now" if after.cpuset else "all CPUs now",
            undo=(Undo(Command(argv(facts.mask))),),
        )
    ]
