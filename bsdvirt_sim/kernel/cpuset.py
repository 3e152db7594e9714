"""cpuset(1): the CPUs of a jail or a process."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel import processes
from bsdvirt_sim.kernel.processes import vcpu_of
from bsdvirt_sim.kernel.topology import machine_of
from bsdvirt_sim.state import Vmm

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
            _show(run, f"jail {jail.jid}", jail.mask or list(range(run.state.cpus)))
        case ["-l", text, "-j", name]:
            run.changes()
            jail = run.jail(name)
            if jail is None:
                raise _absent(run, name)
            jail.mask = mask_of(run, text)
        case ["-g", "-p", pid] if pid.isdigit():
            run.reads()
            if not processes.alive(int(pid)):
                raise run.fail("cpuset: getaffinity: No such process")
            _show(run, f"pid {pid}", processes.mask_of_process(run.state, int(pid)))
        case ["-l", text, "-p", pid] if pid.isdigit():
            run.changes()
            mask = mask_of(run, text)
            if not processes.alive(int(pid)):
                raise run.fail("cpuset: setaffinity: No such process")
            run.state.masks[int(pid)] = mask
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


def _show(run: Run, what: str, mask: list[int]) -> None:
    run.print(f"{what} mask: {', '.join(map(str, mask))}")
    run.print(f"{what} domain policy: first-touch mask: 0")


def _parse(run: Run, text: str) -> list[int]:
    try:
        return processes.numbers(text)
    except ValueError:
        raise run.fail(f"cpuset: Malformed list {text}") from None
