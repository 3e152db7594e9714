"""rctl(8): limits by a jail's name, whether it exists or not, and of a process."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel import accounting
from bsdvirt_sim.kernel.processes import alive
from bsdvirt_sim.state import Rule
from bsdvirt_sim.zfs.properties import BadValue, size

_RESOURCES = (
    "cputime", "datasize", "stacksize", "coredumpsize", "memoryuse", "memorylocked", "maxproc",
    "openfiles", "vmemoryuse", "pseudoterminals", "swapuse", "nthr", "msgqqueued", "msgqsize",
    "nmsgq", "nsem", "nsemop", "nshm", "shmsize", "wallclock", "pcpu", "readbps", "writebps",
    "readiops", "writeiops",
)  # fmt: skip
_SPEEDS = {"readbps", "writebps", "readiops", "writeiops"}
_NO_DENY = {"cputime", "wallclock", *_SPEEDS}
_SLOPPY = {
    "pseudoterminals", "swapuse", "msgqqueued", "msgqsize", "nmsgq", "nsem", "nshm", "shmsize",
}  # fmt: skip
"""RACCT_SLOPPY in kern_racct.c."""
_SIGNALS = (
    "hup", "int", "quit", "ill", "trap", "abrt", "emt", "fpe", "kill", "bus", "segv", "sys", "pipe",
    "alrm", "term", "urg", "stop", "tstp", "chld", "ttin", "ttou", "io", "xcpu", "xfsz", "vtalrm",
    "prof", "winch", "info", "usr1", "usr2", "thr",
)  # fmt: skip
_ACTIONS = ("deny", "log", "devctl", "throttle", *(f"sig{name}" for name in _SIGNALS))
"""actionnames in kern_rctl.c."""
_SUBJECTS = ("", "process", "user", "loginclass", "jail")


def rctl(run: Run, words: list[str]) -> int:
    """Run rctl(8)."""
    flags = words[0] if words and words[0].startswith("-") else ""
    rest = words[1:] if flags else words
    if flags in ("-a", "-r"):
        run.changes()
        if not rest:
            raise run.unknown()
        _enabled(run)
        act = _add if flags == "-a" else _remove
        return sum(act(run, rule) for rule in rest)
    run.reads()
    if flags in ("-u", "-hu") and rest:
        _enabled(run)
        return sum(_usage(run, subject, "h" in flags) for subject in rest)
    if flags in ("", "-h") and len(rest) <= 1 and (rest or not flags):
        _enabled(run)
        for rule in _matching(run, rest[0] if rest else ""):
            plain = rule.text
            human = plain.replace(f"={rule.amount}", f"={humanize(rule.amount)}")
            run.print(human if "h" in flags else plain)
        return 0
    raise run.unknown()


def _enabled(run: Run) -> None:
    if not run.state.racct:
        raise run.fail(
            "rctl: RACCT/RCTL present, but disabled; enable using kern.racct.enable=1 tunable"
        )


def _parts(run: Run, text: str) -> list[str]:
    parts = text.split(":")
    if parts[0] not in ("jail", "process") or len(parts) < 2 or not parts[1]:
        raise run.unknown("only rules of jails and processes are simulated")
    if parts[0] == "process" and not parts[1].isdigit():
        raise run.unknown("a process is named by its number")
    return parts


def _rule(run: Run, parts: list[str]) -> tuple[str, str, str, str]:
    """Return the resource, action, amount and `per` of a rule or filter; the kernel cuts at `=` and
    `/` (rctl_string_to_rule in kern_rctl.c)."""
    if len(parts) > 4:
        raise run.unknown()
    resource = parts[2] if len(parts) > 2 else ""
    action, _, rest = parts[3].partition("=") if len(parts) > 3 else ("", "", "")
    amount, _, per = rest.partition("/")
    return resource, action, amount, "" if per == parts[0] else per


def _add(run: Run, text: str) -> int:
    parts = _parts(run, text)
    resource, action, amount, per = _rule(run, parts)
    if not amount:
        raise run.unknown()
    try:
        number = size(amount)
    except BadValue:
        raise run.unknown(f"amount {amount}") from None
    error = ""
    if parts[0] == "process" and not alive(int(parts[1])):
        error = "No such process"
    elif resource not in _RESOURCES or action not in _ACTIONS or per not in _SUBJECTS:
        error = "Invalid argument"
    elif _unsupported(resource, action, per or parts[0]):
        error = "Operation not supported"
    if error:
        run.warn(f"rctl: failed to add rule '{text}': {error}")
        return 1
    # rctl_rule_add (kern_rctl.c): one amount of a deny rule, and no other rule twice.
    rule = Rule(f"{parts[0]}:{parts[1]}", resource, action, number, per)
    run.state.rules = [
        old
        for old in run.state.rules
        if (old.subject, old.resource, old.action, old.per) != (rule.subject, resource, action, per)
        or (action != "deny" and old.amount != number)
    ]
    # The kernel shows the newest first.
    run.state.rules.insert(0, rule)
    return 0


def _unsupported(resource: str, action: str, per: str) -> bool:
    """Whether the kernel refuses a combination (rctl_rule_add in kern_rctl.c)."""
    if action == "deny" and resource in _NO_DENY:
        return True
    if action == "throttle" and resource not in _SPEEDS:
        return True
    return per == "process" and resource in _SLOPPY


def _matching(run: Run, text: str) -> list[Rule]:
    if not text:
        return run.state.rules
    parts = _parts(run, text)
    resource, action, amount, _ = _rule(run, parts)
    named = "/" in text
    per = text.partition("/")[2]
    if amount and not amount.isdigit():
        raise run.unknown(f"amount {amount}")
    return [
        rule
        for rule in run.state.rules
        if rule.subject == f"{parts[0]}:{parts[1]}"
        and (not resource or rule.resource == resource)
        and (not action or rule.action == action)
        and (not amount or rule.amount == int(amount))
        and (not named or (rule.per or parts[0]) == per)
    ]


def _remove(run: Run, text: str) -> int:
    gone = {id(rule) for rule in _matching(run, text)}
    if not gone:
        run.warn(f"rctl: failed to remove rule '{text}': No such process")
        return 1
    run.state.rules = [rule for rule in run.state.rules if id(rule) not in gone]
    return 0


def _usage(run: Run, text: str, human: bool) -> int:
    parts = _parts(run, text)
    if len(parts) != 2:
        raise run.unknown()
    values = dict.fromkeys(_RESOURCES, 0)
    if parts[0] == "process":
        if not alive(int(parts[1])):
            run.warn(f"rctl: failed to show resource consumption for '{text}': No such process")
            return 1
        # Those of the captured bhyve; the guest's memory is not included.
        values |= {
            "cputime": 58, "datasize": 2252800, "memoryuse": 19922944, "maxproc": 1,
            "vmemoryuse": 311427072, "nthr": 11, "wallclock": 60, "pcpu": 89,
        }  # fmt: skip
    jail = (
        None
        if parts[0] == "process"
        else next((jail for jail in run.state.jails.values() if jail.name == parts[1]), None)
    )
    if jail is not None:
        # The two daemons of the captured jail, each with half of its usage.
        count = len(jail.processes)
        seconds = int(accounting.of_jail(run, jail).cpu)
        load = run.state.loads.get(jail.name)
        values |= {
            "datasize": 14336 * count, "memoryuse": accounting.memory(run, jail),
            "maxproc": count, "openfiles": 20 * count,
            "vmemoryuse": accounting.PROCESS_VIRTUAL * count, "nthr": count,
            "cputime": seconds if count else 0, "pcpu": int(load.cpu) if load else 0,
            # The sum over the processes.
            "wallclock": accounting.age(run.state, jail.started) * count,
        }  # fmt: skip
    for name in _RESOURCES:
        run.print(f"{name}={humanize(values[name]) if human else values[name]}")
    return 0


def humanize(number: int) -> str:
    """Format as humanize_number(3) is called by rctl: at most five characters."""
    value, rest, scale = number, 0, 0
    while value >= 10000 and scale < 6:
        value, rest = divmod(value, 1024)
        scale += 1
    letter = " KMGTPE"[scale].strip()
    if scale and value <= 9 and not (value == 9 and rest >= 973):
        tenths = (rest * 10 + 512) // 1024
        return f"{value + tenths // 10}.{tenths % 10}{letter}"
    return f"{value + (rest + 512) // 1024}{letter}"
