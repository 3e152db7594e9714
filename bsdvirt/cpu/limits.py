"""Limits by rctl(8) and CPUs by cpuset(1): rules, and changes of a running guest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.errors import HostError
from bsdvirt.facts.host import Kernel
from bsdvirt.facts.rctl import Rule, words_of
from bsdvirt.host import tools
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Command, LimitsExist, Not, Step, Undo
from bsdvirt.spec.becomes import RctlRule
from bsdvirt.spec.fields import becoming
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.limits import DENY, DEVCTL, LOG, THROTTLE, LimitRule, Limits
from bsdvirt.spec.types import CpuList

NO_PINS: Mapping[int, CpuList] = {}
COUNTED_LATE = ("maxproc", "nthr")
"""The kernel reports these at the end of fork(2), and a denied fork(2) does not come that far
(racct_proc_fork_done() in kern_racct.c): what can be seen is that the limit is reached."""
SILENT = (LOG, DEVCTL)


class Wanted(Struct, frozen=True):
    """A rule without its subject."""

    resource: str
    action: str
    amount: int
    per: str = ""
    """What the amount is accounted for; empty if that is the subject."""

    @property
    def words(self) -> str:
        """Such as maxproc:deny=50."""
        return words_of(self.resource, self.action, self.amount, self.per)

    @property
    def group(self) -> tuple[str, str, str]:
        """As that of a rule of the kernel's."""
        return self.resource, self.action, self.per

    @property
    def watch(self) -> Wanted:
        """The rule by which the kernel reports that this one is reached, to devd(8)."""
        return Wanted(self.resource, DEVCTL, watched(self.resource, self.amount), self.per)


def is_reported(resource: str, action: str) -> bool:
    """Return whether it is reported when a rule is reached. It is not where a guest that is busy
    runs into the limit all the time: the kernel reports ten events a second, of all guests
    together (kern.racct.rctl.devctl_rate_limit), and others would be lost."""
    slowed = action == THROTTLE or (resource, action) == ("pcpu", DENY)
    return action not in SILENT and not slowed


def watched(resource: str, amount: int) -> int:
    """Return the amount of the rule that reports that a limit is reached."""
    return amount - 1 if resource in COUNTED_LATE else amount


def limit_of(resource: str, amount: int) -> int:
    """Return the limit that a rule with that amount reports."""
    return amount + 1 if resource in COUNTED_LATE else amount


def wanted_rules(limits: Limits) -> list[Wanted]:
    """Return the rules of limits, and those that report when one of them is reached."""
    found = [Wanted(rule.name, rule.action, amount) for rule, amount in _given(limits)]
    found += [
        Wanted(rule.resource, rule.action, rule.amount, _per(rule, limits)) for rule in limits.rules
    ]
    watches = [rule.watch for rule in found if is_reported(rule.resource, rule.action)]
    return list(dict.fromkeys([*found, *watches]))


def _per(rule: LimitRule, limits: Limits) -> str:
    return "" if rule.per == limits.subject else rule.per


def limit_rules(subject: str, limits: Limits) -> list[str]:
    """Return the limits as rules of rctl(8) for a subject, such as jail:web or process:712."""
    return [f"{subject}:{rule.words}" for rule in wanted_rules(limits)]


def need_racct(name: str, limits: Limits, kernel: Kernel) -> None:
    """Raise HostError if limits are set and resource accounting is disabled."""
    if not kernel.racct and wanted_rules(limits):
        raise HostError(
            f"{name}: limits need resource accounting, which is off",
            "put kern.racct.enable=1 in /boot/loader.conf and reboot, or remove the limits",
        )


def _given(limits: Limits) -> Iterator[tuple[RctlRule, int]]:
    """Yield the limits that are set by properties of their own."""
    for rule, value in becoming(limits, RctlRule):
        if value is not None:
            yield rule, int(value)


def _grouped(rules: Iterable[Wanted]) -> dict[tuple[str, str, str], list[Wanted]]:
    groups: dict[tuple[str, str, str], list[Wanted]] = {}
    for rule in rules:
        groups.setdefault(rule.group, []).append(rule)
    return groups


def limit_changes(
    name: str, subject: str, before: Limits, after: Limits, kernel: Kernel, rules: Sequence[Rule]
) -> Iterator[Step]:
    """Yield the steps from one set of limits to the other; `rules` are those of the kernel now.
    Raise HostError if a limit is set and resource accounting is disabled."""
    old, new = _grouped(wanted_rules(before)), _grouped(wanted_rules(after))
    for group in dict.fromkeys([*new, *old]):
        if set(new.get(group, [])) != set(old.get(group, [])):
            need_racct(name, after, kernel)
            yield from _limit_steps(subject, group, new.get(group, []), rules)


def _limit_steps(
    who: str, group: tuple[str, str, str], new: Sequence[Wanted], rules: Sequence[Rule]
) -> Iterator[Step]:
    """Add the new rules, then remove the old ones: at no moment is there none.

    The kernel replaces a rule of deny by itself, and keeps every amount of the others
    (rctl_rule_add in kern_rctl.c).
    """
    resource, action, _ = group
    amounts = {rule.amount for rule in new}
    had = [r for r in rules if r.subject == who and r.group == group and r.amount not in amounts]
    for one in new:
        rule = f"{who}:{one.words}"
        undo = Undo(Command((tools.RCTL, "-r", rule)), LimitsExist(who, one.words))
        if had and action == DENY:
            undo = Undo(Command((tools.RCTL, "-a", f"{who}:{had[0].words}")))
        yield Step(
            Command((tools.RCTL, "-a", rule)),
            f"report that {resource} is reached" if action == DEVCTL else f"limit {resource} now",
            undo=(undo,),
            unless=LimitsExist(who, one.words),
        )
    if new and action == DENY:
        return
    for old in had:
        yield Step(
            Command((tools.RCTL, "-r", _filter(old, rules))),
            f"its limit of {resource} until now" if action != DEVCTL else "its report until now",
            undo=(Undo(Command((tools.RCTL, "-a", f"{who}:{old.words}"))),),
            unless=Not(LimitsExist(who, old.words)),
        )


def _filter(rule: Rule, rules: Sequence[Rule]) -> str:
    """Return a filter that matches a rule only. One that names no `per` matches any."""
    others = [
        r for r in rules if (r.subject, r.kind, r.amount) == (rule.subject, rule.kind, rule.amount)
    ]
    per = "" if rule.per or len(others) < 2 else f"/{rule.subject.partition(':')[0]}"
    return f"{rule.subject}:{rule.words}{per}"


def limit_drift(subject: str, limits: Limits, rules: Sequence[Rule]) -> Iterator[Drift]:
    """Yield the limits that the kernel does not enforce as set, or does not report: restarting the
    service rctl removes all rules."""
    wrong: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    groups = _grouped(wanted_rules(limits))
    for group, new in groups.items():
        if sorted(_amounts(subject, group, rules)) != sorted(rule.amount for rule in new):
            wrong.setdefault((group[0], group[2]), []).append(group)
    for each in wrong.values():
        steps = [s for group in each for s in _limit_steps(subject, group, groups[group], rules)]
        yield _drift(each[0], groups[each[0]], _amounts(subject, each[0], rules), tuple(steps))


def _amounts(subject: str, group: tuple[str, str, str], rules: Sequence[Rule]) -> list[int]:
    return [rule.amount for rule in rules if rule.subject == subject and rule.group == group]


def _drift(
    group: tuple[str, str, str], new: Sequence[Wanted], had: list[int], steps: tuple[Step, ...]
) -> Drift:
    resource, action, per = group
    most = ", ".join(str(rule.amount) for rule in new)
    if action == DEVCTL:
        return Drift(
            f"it is not reported when its {resource} reaches the limit", steps,
            f"its {resource} is reported again when it reaches the limit", problem=False,
        )  # fmt: skip
    if action not in (DENY, THROTTLE) or per:
        return Drift(
            f"its rule {new[0].words} of rctl(8) is not in force", steps,
            f"set its rules of {resource} again",
        )  # fmt: skip
    now = f"limited to {', '.join(map(str, had))} instead" if had else "not limited"
    return Drift(
        f"its {resource} is {now}, and is to be at most {most}", steps,
        f"limited its {resource} to {most} again",
    )  # fmt: skip


def cpuset_drift(
    of: Sequence[str],
    wanted: CpuList | None,
    mask: CpuList | None,
    kernel: Kernel,
    pins: Mapping[int, CpuList] = NO_PINS,
    below: Mapping[int, CpuList] = NO_PINS,
) -> Iterator[Drift]:
    """Yield the repair of a cpuset that differs from the property, or of one below it; `pins` and
    `below` as in cpuset_changes."""
    if wanted is None or mask is None or (wanted == mask and not below):
        return
    steps = tuple(cpuset_changes(of, wanted, mask, kernel, pins, below=below))
    if wanted != mask and steps:
        yield Drift(
            f"it runs on the CPUs {mask}, and is to run on {wanted}", steps,
            f"gave it the CPUs {wanted} again",
        )  # fmt: skip
    elif steps:
        now = CpuList.of({cpu for cpus in below.values() for cpu in cpus.cpus})
        # A jail may have made a set of its own.
        yield Drift(
            f"processes in it run on the CPUs {now} only, and are to run on {wanted}", steps,
            f"gave its processes the CPUs {wanted} again", problem=False, only_asked=True,
        )  # fmt: skip


def cpuset_changes(
    of: Sequence[str],
    after: CpuList | None,
    mask: CpuList,
    kernel: Kernel,
    pins: Mapping[int, CpuList] = NO_PINS,
    was: Mapping[int, CpuList] | None = None,
    below: Mapping[int, CpuList] = NO_PINS,
) -> Iterator[Step]:
    """Yield the steps that set the CPUs; `of` are cpuset(1)'s words for what runs, such as -j web.
    The kernel gives them to every thread of a process: those in `pins` are pinned again, by an
    undo those in `was` if they were pinned elsewhere (cpuset_setproc() in kern_cpuset.c). `below`
    are the CPUs of the sets below a jail's, by id: they are moved while the jail's own set has the
    old and the new CPUs, since the kernel takes CPUs from them with the jail's, and gives none."""
    wanted = after or CpuList.of(list(range(kernel.cpus)))
    memory, back_to = _memory(wanted, mask)
    apart = {number: cpus for number, cpus in below.items() if cpus != wanted}
    if wanted == mask and not memory and not apart:
        return

    def argv(cpus: CpuList, memory: str) -> tuple[str, ...]:
        return (tools.CPUSET, "-l", str(cpus), *(["-n", memory] if memory else []), *of)

    again, back = _pin(pins), _pin(pins if was is None else was)
    if apart:
        both = CpuList.of({*mask.cpus, *wanted.cpus})
        if both != mask:
            yield Step(
                Command(argv(both, "")), "the CPUs until now and from now on",
                undo=(Undo(Command(argv(mask, ""))),),
            )  # fmt: skip
        yield from (_move(number, wanted, cpus) for number, cpus in apart.items())
        if both == wanted and not memory:
            return
        mask = both
    yield Step(
        Command(argv(wanted, memory)),
        "its CPUs now" if after else "all CPUs now",
        undo=(Undo(Command(argv(mask, back_to))), *map(Undo, back)),
    )
    yield from (Step(one, "a virtual CPU, pinned again") for one in again)


def _move(number: int, wanted: CpuList, now: CpuList) -> Step:
    of = ("-s", str(number))
    return Step(
        Command((tools.CPUSET, "-l", str(wanted), *of)),
        "what its start has begun, in a cpuset of its own",
        undo=(Undo(Command((tools.CPUSET, "-l", str(now), *of))),),
    )


ANYWHERE = "all"
"""For cpuset -n: every domain, by the host's own policy (domainset_parselist() in libutil)."""


def _memory(wanted: CpuList, now: CpuList) -> tuple[str, str]:
    """Return where memory is to go from now on, and where an undo has it go; empty for no change.
    On CPUs of all domains, memory that a guest had in one of them is freed from that."""
    if wanted.memory:
        same = wanted.memory == now.memory
        return ("", "") if same else (wanted.memory, now.memory)
    freed = now.memory.startswith("prefer:")
    return (ANYWHERE, now.memory) if freed else ("", "")


def cpuset_words(cpus: CpuList) -> list[str]:
    """Return the options of cpuset(1) that give these CPUs, and memory near them."""
    return ["-l", str(cpus), *(["-n", cpus.memory] if cpus.memory else [])]


def _pin(pins: Mapping[int, CpuList]) -> list[Command]:
    """Return the commands that pin threads."""
    return [Command((tools.CPUSET, "-l", str(cpus), "-t", str(tid))) for tid, cpus in pins.items()]


# ---- a running guest ----


class LiveFacts(Struct, frozen=True):
    """What the kernel holds of a running guest."""

    kernel: Kernel
    rules: Sequence[Rule]
    mask: CpuList
    pins: Mapping[int, CpuList] = field(default_factory=dict)
    """The CPUs to pin threads to, by their numbers."""
    was: Mapping[int, CpuList] | None = None
    """Those that threads are pinned to now, if they are others."""
    below: Mapping[int, CpuList] = field(default_factory=dict)
    """The CPUs of the sets below a jail's, by id."""


def outside(cpus: CpuList | None, *, own_set: bool = False) -> tuple[str, ...]:
    """Return what runs a supervisor on these CPUs: the words of cpuset(1) in front of its command;
    none for None, all CPUs. With `own_set` they are those of its cpuset, which what it starts can
    leave (cpuset -s); otherwise those of its threads."""
    if cpus is None:
        return ()
    return (tools.CPUSET, *(["-c"] if own_set else []), "-l", str(cpus))


def touches_kernel(before: GuestSpec, after: GuestSpec) -> bool:
    """Return whether a change is one of limits or CPUs, so that LiveFacts are needed."""
    return limits_differ(before, after) or before.cpuset != after.cpuset


def limits_differ(before: GuestSpec, after: GuestSpec) -> bool:
    """Return whether a change is one of limits, so that the rules of rctl(8) are needed."""
    return before.limits != after.limits


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
        steps += cpuset_changes(
            of, after.cpuset, facts.mask, facts.kernel, facts.pins, facts.was, facts.below
        )
    return steps
