"""cpuset(1): the CPUs of a jail or a process."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel import processes
from bsdvirt_sim.kernel.processes import vcpu_of
from bsdvirt_sim.kernel.topology import machine_of
from bsdvirt_sim.state import Jail, Vmm

_MOST_DOMAINS = 8
"""MAXMEMDOM of an amd64 kernel."""


def cpuset(run: Run, words: list[str]) -> int:
    """Run cpuset(1)."""
    match words:
        case ["-g"]:
            run.reads()
            _show(run, "pid -1", list(range(run.state.cpus)))
        case ["-g", "-d", number] if number.isdigit():
            run.reads()
            run.print(f"domain {number} mask: {', '.join(map(str, _domain(run, int(number))))}")
        case ["-g", "-j", name]:
            run.reads()
            jail = run.jail(name)
            if jail is None:
                raise _absent(run, name)
            every = list(range(run.state.cpus))
            _show(run, f"jail {jail.jid}", jail.mask or every, jail.memory)
        case ["-l", text, "-j", name] | ["-l", text, "-n", _, "-j", name]:
            run.changes()
            jail = run.jail(name)
            if jail is None:
                raise _absent(run, name)
            mask, policy = mask_of(run, text), _policy(run, words)
            if jail.below and not set(jail.below) & set(mask):
                raise run.fail("cpuset: setaffinity: Resource deadlock avoided")
            # CPUs are taken from the sets below, and never given (cpuset_update()).
            jail.below = [cpu for cpu in jail.below if cpu in mask]
            jail.mask = mask
            jail.memory = policy if policy is not None else jail.memory
        case ["-g", "-i", "-j", name]:
            run.reads()
            jail = run.jail(name)
            if jail is None:
                raise _absent(run, name)
            run.print(f"jail {jail.jid} cpuset id: {jail.cpuset}")
        case ["-g", "-i", "-p", pid] if pid.isdigit():
            run.reads()
            jail = _of_process(run, pid)
            own = jail.cpuset + _BELOW if jail.below else jail.cpuset
            run.print(f"pid {pid} cpuset id: {own}")
        case ["-g", "-i", "-r", "-p", pid] if pid.isdigit():
            run.reads()
            run.print(f"pid {pid} root id: {_of_process(run, pid).cpuset}")
        case ["-g", "-s", number] if number.isdigit():
            run.reads()
            _show(run, f"cpuset {number}", _with_set(run, number, "getaffinity").below)
        case ["-l", text, "-s", number] if number.isdigit():
            run.changes()
            mask, jail = mask_of(run, text), _with_set(run, number, "setaffinity")
            if jail.mask and not set(mask) <= set(jail.mask):
                raise run.fail("cpuset: setaffinity: Invalid argument")
            jail.below = mask
        case ["-g", "-p", pid] if pid.isdigit() and _in_jail(run, pid):
            run.reads()
            jail = _of_process(run, pid)
            every = list(range(run.state.cpus))
            _show(run, f"pid {pid}", jail.below or jail.mask or every, jail.memory)
        case ["-g", "-p", pid] if pid.isdigit():
            run.reads()
            if not processes.alive(int(pid)):
                raise run.fail("cpuset: getaffinity: No such process")
            memory = run.state.memories.get(int(pid), "")
            _show(run, f"pid {pid}", processes.mask_of_process(run.state, int(pid)), memory)
        case ["-l", text, "-p", pid] | ["-l", text, "-n", _, "-p", pid] if pid.isdigit():
            run.changes()
            mask, policy = mask_of(run, text), _policy(run, words)
            if not processes.alive(int(pid)):
                raise run.fail("cpuset: setaffinity: No such process")
            run.state.masks[int(pid)] = mask
            if policy is not None:
                run.state.memories[int(pid)] = policy
            for vmm in run.state.vmms.values():
                if vmm.pid == int(pid):
                    # It binds every thread of the process (cpuset_setproc() in kern_cpuset.c).
                    vmm.pins = {}
        case ["-g", "-t", tid] if tid.isdigit():
            run.reads()
            vmm, vcpu = _thread(run, tid, "getaffinity")
            every = processes.mask_of_process(run.state, vmm.pid)
            _show(run, f"tid {tid}", vmm.pins.get(vcpu, every))
        case ["-l", text, "-t", tid] if tid.isdigit():
            run.changes()
            mask = mask_of(run, text)
            vmm, vcpu = _thread(run, tid, "setaffinity")
            vmm.pins[vcpu] = mask
        case _:
            raise run.unknown()
    return 0


_BELOW = 1000
"""How far the id of the set below a jail's is from that of the jail's."""


def _in_jail(run: Run, pid: str) -> Jail | None:
    jails = run.state.jails.values()
    return next((jail for jail in jails if int(pid) in {one.pid for one in jail.processes}), None)


def _of_process(run: Run, pid: str) -> Jail:
    jail = _in_jail(run, pid)
    if jail is None:
        raise run.fail("cpuset: getid: No such process")
    return jail


def _with_set(run: Run, number: str, call: str) -> Jail:
    """Return the jail with a set of that id below its own."""
    for jail in run.state.jails.values():
        if jail.below and jail.cpuset + _BELOW == int(number):
            return jail
    raise run.fail(f"cpuset: {call}: No such process")


def _thread(run: Run, tid: str, call: str) -> tuple[Vmm, int]:
    found = vcpu_of(run.state, int(tid))
    if found is None:
        raise run.fail(f"cpuset: {call}: No such process")
    return found


def mask_of(run: Run, text: str) -> list[int]:
    """Return the CPUs of a list, which the host must have."""
    mask = _parse(run, text)
    if any(cpu >= run.state.cpus for cpu in mask):
        raise run.fail("cpuset: setaffinity: Invalid argument")
    return mask


def _domain(run: Run, number: int) -> tuple[int, ...]:
    """Return the CPUs of a NUMA domain; numbers that are not used have none."""
    machine = machine_of(run.state.machine, run.state.cpus)
    domains = machine.domains or (machine.top.cpus,)
    if number >= _MOST_DOMAINS:
        raise run.fail("cpuset: getaffinity: No such process")
    return domains[number] if number < len(domains) else ()


def _absent(run: Run, name: str) -> Exception:
    # libjail names a jail by its number without quotes.
    shown = name if name.isdigit() else f'"{name}"'
    return run.fail(f"cpuset: jail {shown} not found")


def _show(run: Run, what: str, mask: list[int], memory: str = "") -> None:
    run.print(f"{what} mask: {', '.join(map(str, mask))}")
    policy, _, domains = (memory or _default(run)).partition(":")
    run.print(f"{what} domain policy: {policy} mask: {domains}")


def _default(run: Run) -> str:
    """Return the policy of the host's root set, with all its domains."""
    machine = machine_of(run.state.machine, run.state.cpus)
    return "first-touch:" + ", ".join(map(str, range(len(machine.domains) or 1)))


def _policy(run: Run, words: list[str]) -> str | None:
    """Return the memory policy in the words, as cpuset -g shows it; None if there is none
    (parsedomainlist() in cpuset.c of 13.2, domainset_parselist() in libutil of 15.1)."""
    if "-n" not in words:
        return None
    return policy_of(run, words[words.index("-n") + 1])


def policy_of(run: Run, text: str) -> str:
    """Return a memory policy as cpuset -g shows it; that of the root set for `all`."""
    if text == "all":
        return ""
    policy, colon, domains = text.partition(":")
    if policy not in ("first-touch", "prefer", "round-robin", "interleave") or not colon:
        raise run.unknown("the policy of memory")
    machine = machine_of(run.state.machine, run.state.cpus)
    numbers = _parse(run, domains)
    if any(number >= (len(machine.domains) or 1) for number in numbers):
        raise run.fail("cpuset: setdomain: Invalid argument")
    if policy == "prefer" and len(numbers) != 1:
        # Only one domain can be preferred (domainset_populate() in kern_cpuset.c).
        raise run.fail("cpuset: setdomain: Invalid argument")
    return f"{policy}:{', '.join(map(str, numbers))}"


def _parse(run: Run, text: str) -> list[int]:
    try:
        return processes.numbers(text)
    except ValueError:
        raise run.fail(f"cpuset: Malformed list {text}") from None
