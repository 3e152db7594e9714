"""Limits by rctl(8): on a jail, or on the process bhyve of a virtual machine.

What the kernel refuses is refused here, before anything runs: rctl_rule_add() of kern_rctl.c, and
the flags of racct_types in kern_racct.c, which are the same in 13.2 and 15.1.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import msgspec

from bsdvirt.spec.base import (
    MOST,
    BadValueError,
    Live,
    Spec,
    did_you_mean,
    prop,
    shown,
    text_of,
)
from bsdvirt.spec.becomes import RctlRule
from bsdvirt.spec.types import Memory, Rate, Size, Space

Number = Annotated[int, msgspec.Meta(ge=1, le=MOST)]
MOST_RULES = 64
Unit = Literal["bytes", "bytes/s", "1/s", "s", "%", ""]
Subject = Literal["process", "user", "loginclass", "jail"]


class Resource(NamedTuple):
    """What the kernel accounts for."""

    unit: Unit = ""
    deny: bool = True
    """Whether it can be denied. Of memoryuse and pcpu the kernel enforces the limit otherwise: it
    takes pages away, or lets the processes sleep."""
    sloppy: bool = False
    """Whether it is not accounted for by process."""

    @property
    def throttle(self) -> bool:
        """Whether processes can be slowed down."""
        return self.unit in ("bytes/s", "1/s")


RESOURCES: dict[str, Resource] = {
    "cputime": Resource("s", deny=False),
    "datasize": Resource("bytes"),
    "stacksize": Resource("bytes"),
    "coredumpsize": Resource("bytes"),
    "memoryuse": Resource("bytes"),
    "memorylocked": Resource("bytes"),
    "maxproc": Resource(),
    "openfiles": Resource(),
    "vmemoryuse": Resource("bytes"),
    "pseudoterminals": Resource(sloppy=True),
    "swapuse": Resource("bytes", sloppy=True),
    "nthr": Resource(),
    "msgqqueued": Resource(sloppy=True),
    "msgqsize": Resource("bytes", sloppy=True),
    "nmsgq": Resource(sloppy=True),
    "nsem": Resource(sloppy=True),
    "nsemop": Resource(),
    "nshm": Resource(sloppy=True),
    "shmsize": Resource("bytes", sloppy=True),
    "wallclock": Resource("s", deny=False),
    "pcpu": Resource("%"),
    "readbps": Resource("bytes/s", deny=False),
    "writebps": Resource("bytes/s", deny=False),
    "readiops": Resource("1/s", deny=False),
    "writeiops": Resource("1/s", deny=False),
}
"""Every resource of rctl(8), in the kernel's order."""
DENY, THROTTLE, LOG, DEVCTL = "deny", "throttle", "log", "devctl"
SIGNALS = (
    "hup", "int", "quit", "ill", "trap", "abrt", "emt", "fpe", "kill", "bus", "segv", "sys", "pipe",
    "alrm", "term", "urg", "stop", "tstp", "chld", "ttin", "ttou", "io", "xcpu", "xfsz", "vtalrm",
    "prof", "winch", "info", "usr1", "usr2", "thr",
)  # fmt: skip
ACTIONS = (DENY, THROTTLE, LOG, DEVCTL, *(f"sig{name}" for name in SIGNALS))
SUBJECTS = ("process", "user", "loginclass", "jail")
_FORM = re.compile(r"([a-z]+):([a-z0-9]+)=([0-9A-Za-z.]{1,32})(?:/([a-z]+))?", re.ASCII)
_EXAMPLE = "such as maxproc:log=80 or vmemoryuse:deny=2G/process"


class LimitRule(str):
    """A rule: RESOURCE:ACTION=AMOUNT, or RESOURCE:ACTION=AMOUNT/PER."""

    words: ClassVar[str] = "a rule as maxproc:log=80"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        match = _FORM.fullmatch(text)
        if match is None:
            raise BadValueError(
                f"{shown(text)} is not a rule: write RESOURCE:ACTION=AMOUNT", hint=_EXAMPLE
            )
        name, action, amount, per = match.groups()
        if name not in RESOURCES:
            raise BadValueError(
                f"{shown(text)}: rctl(8) has no resource {name}", hint=did_you_mean(name, RESOURCES)
            )
        if action not in ACTIONS:
            raise BadValueError(
                f"{shown(text)}: rctl(8) has no action {action}",
                hint=did_you_mean(action, ACTIONS) or "deny, throttle, log, devctl, or a signal",
            )
        if per and per not in SUBJECTS:
            raise BadValueError(
                f"{shown(text)}: nothing is accounted per {per}", hint=", ".join(SUBJECTS)
            )
        _refuse_action(name, action)
        found = _amount(text, name, amount)
        return cls(f"{name}:{action}={found}{f'/{per}' if per else ''}")

    @property
    def resource(self) -> str:
        return self.partition(":")[0]

    @property
    def action(self) -> str:
        return self.partition(":")[2].partition("=")[0]

    @property
    def amount(self) -> int:
        """In bytes, or in the unit of the resource."""
        return int(Size.parse(self.partition("=")[2].partition("/")[0].removesuffix("B")))

    @property
    def per(self) -> str:
        """What the amount is accounted for; empty for the subject of the rule."""
        return self.partition("/")[2]

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": f"^({'|'.join(RESOURCES)}):({'|'.join(ACTIONS)})="
            f"[0-9A-Za-z.]{{1,32}}(/({'|'.join(SUBJECTS)}))?$",
        }


def _refuse_action(name: str, action: str) -> None:
    """Refuse an action that the kernel does not support for a resource."""
    resource = RESOURCES[name]
    if action == DENY and not resource.deny:
        usual = f"{name}:{THROTTLE}" if resource.throttle else f"{name}:sigterm"
        raise BadValueError(f"rctl(8) cannot deny {name}", hint=f"{usual}=AMOUNT, or {name}:{LOG}")
    if action == THROTTLE and not resource.throttle:
        raise BadValueError(
            f"rctl(8) cannot throttle by {name}",
            hint=f"{name}:{DENY if resource.deny else 'sigterm'}=AMOUNT",
        )


def _amount(text: str, name: str, amount: str) -> int | Size:
    unit = RESOURCES[name].unit
    if unit in ("bytes", "bytes/s"):
        return (Space if unit == "bytes" else Rate).parse(amount)
    # The kernel counts these in millionths.
    most = Size.limit // 1_000_000 if unit in ("s", "%") else Size.limit
    if not amount.isdigit() or not 0 < int(amount) <= most:
        of = {"s": "seconds", "%": "percent of one CPU", "1/s": "operations a second"}
        raise BadValueError(
            f"{shown(text)}: the amount is a whole number of {of.get(unit, 'them')}, at least 1"
        )
    return int(amount)


class Cpus(Size):
    """CPU time as a number of CPUs: 1.5 is 150 percent of one."""

    words: ClassVar[str] = "number of CPUs, such as 1.5"
    most: ClassVar[int] = 1024
    _decimal = re.compile(r"(\d{1,4})(?:\.(\d{1,2}))?", re.ASCII)

    @classmethod
    def parse(cls, value: object) -> Self:
        text = str(value) if type(value) in (int, float) else text_of(value, cls.words)
        match = cls._decimal.fullmatch(text)
        percent = 100 * int(match[1]) + int(f"{match[2] or '':0<2}") if match else 0
        if not 0 < percent <= 100 * cls.most:
            raise BadValueError(
                f"{shown(text)} is not a number of CPUs: write 0.25, 1.5 or 4, up to {cls.most}"
            )
        return cls(percent)

    def __str__(self) -> str:
        whole, percent = divmod(int(self), 100)
        return f"{whole}.{percent:02d}".rstrip("0").rstrip(".")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        pattern = r"^[0-9]{1,4}(\.[0-9]{1,2})?$"
        return {
            "anyOf": [
                {"type": "number", "minimum": 0.01, "maximum": cls.most},
                {"type": "string", "pattern": pattern},
            ]
        }


def _deny(resource: str, help: str, unit: str = "") -> msgspec.Meta:
    return prop(help, unit=unit, live=Live.NOW, becomes=RctlRule(resource))


def _throttle(resource: str, help: str, unit: str) -> msgspec.Meta:
    """rctl(8) refuses deny for input and output (captures/04)."""
    rule = RctlRule(resource, action="throttle")
    return prop(help, unit=unit, live=Live.NOW, becomes=rule)


class Limits(Spec, frozen=True, kw_only=True):
    """The limits that every guest can have, in force before anything of it runs. The memory of
    a virtual machine is not among them: rctl(8) does not count it."""

    subject: ClassVar[str] = "process"
    """What the rules are of, and account for if they do not say it."""

    pcpu: Annotated[Number | None, _deny("pcpu", "CPU time, in percent of one core.", "%")] = None
    cpus: Annotated[
        Cpus | None,
        _deny("pcpu", "CPU time as a number of CPUs, instead of pcpu: 1.5 is 150 percent."),
    ] = None
    readbps: Annotated[
        Rate | None, _throttle("readbps", "Read throughput of file systems and disks.", "bytes/s")
    ] = None
    writebps: Annotated[
        Rate | None, _throttle("writebps", "Write throughput of file systems and disks.", "bytes/s")
    ] = None
    readiops: Annotated[Number | None, _throttle("readiops", "Read operations.", "1/s")] = None
    writeiops: Annotated[Number | None, _throttle("writeiops", "Write operations.", "1/s")] = None
    rules: Annotated[
        list[LimitRule],
        prop(
            "Further rules of rctl(8), without their subject: RESOURCE:ACTION=AMOUNT, such as"
            " `maxproc:log=80` or `cputime:sigterm=3600`, or RESOURCE:ACTION=AMOUNT/PER, such as"
            " `vmemoryuse:deny=2G/process`. Every resource and action of rctl(8) can be given, in"
            " combinations that the kernel accepts.",
            live=Live.NOW,
            max_length=MOST_RULES,
        ),
    ] = []

    def __post_init__(self) -> None:
        if self.cpus is not None and self.pcpu is not None:
            raise BadValueError(
                "cpus and pcpu limit the same", at="cpus", hint="omit one: cpus=1.5 is pcpu=150"
            )
        had: dict[tuple[str, str, str], str] = {}
        for number, rule in enumerate(self.rules):
            try:
                self._check_rule(rule, had)
            except BadValueError as error:
                raise BadValueError(str(error), at=f"rules.{number}", hint=error.hint) from None

    def _check_rule(self, rule: LimitRule, had: dict[tuple[str, str, str], str]) -> None:
        per = rule.per or self.subject
        if self.subject == "process" and per != "process":
            raise BadValueError(
                f"{rule}: a virtual machine is one process, not accounted per {per}",
                hint=f"omit /{per}",
            )
        if per == "process" and RESOURCES[rule.resource].sloppy:
            raise BadValueError(f"{rule}: the kernel does not account {rule.resource} per process")
        # One amount of a deny rule is kept by the kernel, and no other rule twice.
        amount = "" if rule.action == DENY else str(rule.amount)
        other = had.setdefault((f"{rule.resource}:{rule.action}", per, amount), rule)
        own = rule.resource if getattr(self, rule.resource, None) is not None else ""
        if rule.resource == "pcpu" and self.cpus is not None:
            own = "cpus"
        if other is not rule:
            raise BadValueError(f"{rule} and {other} are the same rule", hint="omit one")
        if own and per == self.subject and rule.action == DENY:
            raise BadValueError(f"{rule}: limits.{own} limits the same", hint="omit one")


class JailLimits(Limits, frozen=True, kw_only=True):
    """The limits of a jail, in force before /etc/rc runs."""

    subject: ClassVar[str] = "jail"

    memoryuse: Annotated[Memory | None, _deny("memoryuse", "Resident memory.", "bytes")] = None
    vmemoryuse: Annotated[
        Memory | None,
        _deny("vmemoryuse", "Address space; an allocation beyond it fails at once.", "bytes"),
    ] = None
    memorylocked: Annotated[Space | None, _deny("memorylocked", "Locked memory.", "bytes")] = None
    swapuse: Annotated[Memory | None, _deny("swapuse", "Swap space reserved or used.", "bytes")] = (
        None
    )
    datasize: Annotated[Space | None, _deny("datasize", "Data of all processes.", "bytes")] = None
    stacksize: Annotated[Space | None, _deny("stacksize", "Stacks of all processes.", "bytes")] = (
        None
    )
    coredumpsize: Annotated[Space | None, _deny("coredumpsize", "Size of core dumps.", "bytes")] = (
        None
    )
    maxproc: Annotated[Number | None, _deny("maxproc", "Number of processes.")] = None
    nthr: Annotated[Number | None, _deny("nthr", "Number of threads.")] = None
    openfiles: Annotated[Number | None, _deny("openfiles", "Number of open files.")] = None
    pseudoterminals: Annotated[
        Number | None, _deny("pseudoterminals", "Number of pseudo-terminals.")
    ] = None
    shmsize: Annotated[Space | None, _deny("shmsize", "System V shared memory.", "bytes")] = None
    nshm: Annotated[
        Number | None, _deny("nshm", "Number of segments of System V shared memory.")
    ] = None
    nsem: Annotated[Number | None, _deny("nsem", "Number of System V semaphores.")] = None
    nsemop: Annotated[
        Number | None, _deny("nsemop", "Number of semaphores that one semop(2) changes.")
    ] = None
    nmsgq: Annotated[Number | None, _deny("nmsgq", "Number of System V message queues.")] = None
    msgqsize: Annotated[
        Space | None, _deny("msgqsize", "Size of System V message queues.", "bytes")
    ] = None
    msgqqueued: Annotated[
        Number | None, _deny("msgqqueued", "Number of queued System V messages.")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        locked, most = self.memorylocked, self.memoryuse
        if locked is not None and most is not None and most < locked:
            raise BadValueError(
                f"memoryuse {most!s} is less than memorylocked {locked!s}: locked memory stays"
                " resident",
                at="memoryuse",
                hint=f"memoryuse={locked!s} or more, or less memorylocked",
            )


MEMORY = ("memoryuse", "vmemoryuse", "memorylocked")
"""What the memory of a virtual machine is part of, or may become part of."""


def refuse_below(limits: Limits, memory: Memory, *, wired: bool) -> None:
    """Raise BadValueError for a rule that the memory of a virtual machine exceeds at once."""
    for number, rule in enumerate(limits.rules):
        counted = rule.resource in MEMORY and (wired or rule.resource != "memorylocked")
        if counted and rule.amount < memory:
            raise BadValueError(
                f"{rule} is less than the memory of the guest, {memory!s}",
                at=f"limits.rules.{number}",
                hint=f"omit it, or {rule.resource}:{rule.action}={Memory(2 * memory)!s}",
            )
