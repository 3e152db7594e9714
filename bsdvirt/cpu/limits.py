"""Limits by rctl(8) and CPUs by cpuset(1): rules, and changes of a running guest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bsdvirt.errors import HostError
from bsdvirt.facts.host import Kernel
from bsdvirt.facts.rctl import Rule
from bsdvirt.host import tools
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Command, LimitsExist, Not, Step, Undo
from bsdvirt.spec.becomes import RctlRule
from bsdvirt.spec.fields import becoming
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.limits import Limits
from bsdvirt.spec.types import CpuList

NO_PINS: Mapping[int, CpuList] = {}


def limit_rules(subject: str, limits: Limits) -> list[str]:
    """Return the limits as rules of rctl(8) for a subject, such as jail:web or process:712."""
    return [f"{subject}:{rule.words}={amount}" for rule, amount in _given(limits)]


def need_racct(name: str, limits: Limits, kernel: Kernel) -> None:
    """Raise HostError if limits are set and resource accounting is disabled."""
    if not kernel.racct and any(_given(limits)):
        raise HostError(
            f"{name}: limits need resource accounting, which is off",
            "put kern.racct.enable=1 in /boot/loader.conf and reboot, or remove the limits",
        )


def _given(limits: Limits) -> Iterator[tuple[RctlRule, int]]:
    """Yield the limits that are set."""
    for rule, value in becoming(limits, RctlRule):
        if value is not None:
            yield rule, int(value)


def limit_changes(
    name: str, subject: str, before: Limits, after: Limits, kernel: Kernel, rules: Sequence[Rule]
) -> Iterator[Step]:
    """Yield the steps from one set of limits to the other; `rules` are those of the kernel now.
    Raise HostError if a limit is set and resource accounting is disabled."""
    old = dict(_given(before))
    new = dict(_given(after))
    for rule, _ in becoming(after, RctlRule):
        if new.get(rule) != old.get(rule):
            need_racct(name, after, kernel)
            yield from _limit_steps(subject, rule, new.get(rule), rules)


def _limit_steps(
    who: str, limit: RctlRule, new: int | None, rules: Sequence[Rule]
) -> Iterator[Step]:
    """Add the new rule, then remove the old ones: at no moment is there none.

    The kernel replaces a rule of deny by itself, and keeps every amount of the others
    (rctl_rule_add in kern_rctl.c).
    """
    kind = limit.words
    had = [r.amount for r in rules if r.subject == who and r.kind == kind and r.amount != new]
    replaces = limit.action == "deny"
    if new is not None:
        rule = f"{kind}={new}"
        undo = Undo(Command((tools.RCTL, "-r", f"{who}:{rule}")), LimitsExist(who, rule))
        if had and replaces:
            undo = Undo(Command((tools.RCTL, "-a", f"{who}:{kind}={had[0]}")))
        yield Step(
            Command((tools.RCTL, "-a", f"{who}:{rule}")),
            f"limit {limit.name} now",
            undo=(undo,),
            unless=LimitsExist(who, rule),
        )
        if replaces:
            return
    for amount in had:
        rule = f"{kind}={amount}"
        yield Step(
            Command((tools.RCTL, "-r", f"{who}:{rule}")),
            f"its limit of {limit.name} until now",
            undo=(Undo(Command((tools.RCTL, "-a", f"{who}:{rule}"))),),
            unless=Not(LimitsExist(who, rule)),
        )


def limit_drift(subject: str, limits: Limits, rules: Sequence[Rule]) -> Iterator[Drift]:
    """Yield the limits that the kernel does not enforce as set: restarting the service rctl
    removes all rules."""
    for limit, amount in _given(limits):
        had = [r.amount for r in rules if r.subject == subject and r.kind == limit.words]
        if had == [amount]:
            continue
        now = f"limited to {', '.join(map(str, had))} instead" if had else "not limited"
        yield Drift(
            f"its {limit.name} is {now}, and is to be at most {amount}",
            tuple(_limit_steps(subject, limit, amount, rules)),
            f"limited its {limit.name} to {amount} again",
        )


def cpuset_drift(
    of: Sequence[str],
    wanted: CpuList | None,
    mask: CpuList | None,
    kernel: Kernel,
    pins: Mapping[int, CpuList] = NO_PINS,
) -> Iterator[Drift]:
    """Yield the repair of a cpuset that differs from the property; `pins` as in cpuset_changes."""
    if wanted is None or mask is None:
        return
    if steps := tuple(cpuset_changes(of, wanted, mask, kernel, pins)):
        yield Drift(
            f"it runs on the CPUs {mask}, and is to run on {wanted}", steps,
            f"gave it the CPUs {wanted} again",
        )  # fmt: skip


def cpuset_changes(
    of: Sequence[str],
    after: CpuList | None,
    mask: CpuList,
    kernel: Kernel,
    pins: Mapping[int, CpuList] = NO_PINS,
) -> Iterator[Step]:
    """Yield the steps that set the CPUs; `of` are cpuset(1)'s words for what runs, such as -j web.
    The kernel gives them to every thread of a process: those in `pins` are pinned again
    (cpuset_setproc() in kern_cpuset.c)."""
    wanted = after or CpuList.of(list(range(kernel.cpus)))
    if wanted == mask:
        return

    def argv(cpus: CpuList) -> tuple[str, ...]:
        return (tools.CPUSET, "-l", str(cpus), *of)

    again = [Command((tools.CPUSET, "-l", str(cpus), "-t", str(tid))) for tid, cpus in pins.items()]
    yield Step(
        Command(argv(wanted)),
        "its CPUs now" if after else "all CPUs now",
        undo=(Undo(Command(argv(mask))), *map(Undo, again)),
    )
    yield from (Step(one, "a virtual CPU, pinned as before") for one in again)


# ---- a running guest ----


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What the kernel holds of a running guest."""

    kernel: Kernel
    rules: Sequence[Rule]
    mask: CpuList
    pins: Mapping[int, CpuList] = field(default_factory=dict)
    """The CPUs of threads that are pinned, by their numbers."""


def touches_kernel(before: GuestSpec, after: GuestSpec) -> bool:
    """Return whether a change is one of limits or CPUs, so that LiveFacts are needed."""
    return before.limits != after.limits or before.cpuset != after.cpuset


def live_steps(
    name: str,
    subject: str,
    of: Sequence[str],
    before: GuestSpec,
    after: GuestSpec,
    facts: LiveFacts,
) -> list[Step]:
    """Change the limits and CPUs of a running guest; each step is undone to what the kernel holds
    now. `subject` and `of` are its names for rctl(8) and cpuset(1).

    Raises HostError where a limit is wanted and resource accounting is off.
    """
    changed = limit_changes(name, subject, before.limits, after.limits, facts.kernel, facts.rules)
    steps = list(changed)
    if before.cpuset != after.cpuset:
        steps += cpuset_changes(of, after.cpuset, facts.mask, facts.kernel, facts.pins)
    return steps
