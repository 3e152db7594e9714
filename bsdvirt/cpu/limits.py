"""Limits by rctl(8) and CPUs by cpuset(1), as rules and as changes of what runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bsdvirt.errors import HostError
from bsdvirt.facts.host import Kernel
from bsdvirt.facts.rctl import Rule
from bsdvirt.host import tools
from bsdvirt.plan.difference import Drift
from bsdvirt.plan.step import Command, LimitsExist, Not, Step, Undo
from bsdvirt.spec.base import Spec
from bsdvirt.spec.types import CpuList

THROTTLED = ("readbps", "writebps", "readiops", "writeiops")


def kind_of(resource: str) -> str:
    """The resource with its action: rctl(8) refuses deny for input and output (captures/04)."""
    return f"{resource}:{'throttle' if resource in THROTTLED else 'deny'}"


def limit_rules(subject: str, limits: Spec) -> list[str]:
    """The limits as rules of rctl(8) for the subject, such as jail:web or process:712."""
    return [f"{subject}:{kind_of(resource)}={amount}" for resource, amount in _given(limits)]


def need_racct(name: str, limits: Spec, kernel: Kernel) -> None:
    """Raises HostError, with the remedy, where limits would not be kept."""
    if not kernel.racct and any(_given(limits)):
        raise HostError(
            f"{name}: limits need resource accounting, which is off",
            "put kern.racct.enable=1 in /boot/loader.conf and reboot, or take the limits away",
        )


def _given(limits: Spec) -> Iterator[tuple[str, int]]:
    for resource in limits.__struct_fields__:
        if (value := getattr(limits, resource)) is not None:
            yield resource, int(value)


def limit_changes(
    name: str, subject: str, before: Spec, after: Spec, kernel: Kernel, rules: Sequence[Rule]
) -> Iterator[Step]:
    """From one set of limits to the other; `rules` are what the kernel holds now.

    Raises HostError where a limit is wanted and resources are not accounted for.
    """
    for resource in after.__struct_fields__:
        new = getattr(after, resource)
        if new != getattr(before, resource):
            need_racct(name, after, kernel)
            yield from _limit_steps(subject, resource, None if new is None else int(new), rules)


def _limit_steps(who: str, resource: str, new: int | None, rules: Sequence[Rule]) -> Iterator[Step]:
    """The new rule first, then the old ones go: at no moment is there none.

    The kernel replaces a rule of deny by itself, and keeps every amount of the others
    (rctl_rule_add in kern_rctl.c).
    """
    kind = kind_of(resource)
    had = [r.amount for r in rules if r.subject == who and r.kind == kind and r.amount != new]
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


def limit_drift(subject: str, limits: Spec, rules: Sequence[Rule]) -> Iterator[Drift]:
    """The limits of what runs that the kernel does not hold as they are to be: rctl(8) may
    have been restarted, which takes all rules away."""
    for resource, amount in _given(limits):
        had = [r.amount for r in rules if r.subject == subject and r.kind == kind_of(resource)]
        if had == [amount]:
            continue
        now = f"limited to {', '.join(map(str, had))} instead" if had else "not limited"
        yield Drift(
            f"its {resource} is {now}, and is to be at most {amount}",
            tuple(_limit_steps(subject, resource, amount, rules)),
            f"limited its {resource} to {amount} again",
        )


def cpuset_drift(
    of: Sequence[str], wanted: CpuList | None, mask: CpuList | None, kernel: Kernel
) -> Iterator[Drift]:
    """The CPUs of what runs, where they are not those it is to have."""
    if wanted is None or mask is None:
        return
    if steps := tuple(cpuset_changes(of, wanted, mask, kernel)):
        yield Drift(
            f"it runs on the CPUs {mask}, and is to run on {wanted}", steps,
            f"gave it the CPUs {wanted} again",
        )  # fmt: skip


def cpuset_changes(
    of: Sequence[str], after: CpuList | None, mask: CpuList, kernel: Kernel
) -> Iterator[Step]:
    """The CPUs of what runs: `of` are cpuset(1)'s words for it, such as -j web."""
    wanted = after or CpuList.of(list(range(kernel.cpus)))
    if wanted == mask:
        return

    def argv(cpus: CpuList) -> tuple[str, ...]:
        return (tools.CPUSET, "-l", str(cpus), *of)

    yield Step(
        Command(argv(wanted)),
        "its CPUs now" if after else "all CPUs now",
        undo=(Undo(Command(argv(mask))),),
    )
