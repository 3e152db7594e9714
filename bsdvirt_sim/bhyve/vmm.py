"""bhyvectl(8), /dev/vmm, and what bhyve(8) prints without running a guest."""

from __future__ import annotations

import os
import signal

from bsdvirt_sim.bhyve import messages
from bsdvirt_sim.bhyve.config import BadConfig, Config
from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Vmm

POWEROFF, RESET, NMI = signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM
"""The signals that stand for vmm(4)'s events in the simulated bhyve."""


def create(run: Run, name: str) -> Vmm:
    """Create a device."""
    vmm = run.state.vmms[name] = Vmm(name)
    node = run.path(f"/dev/vmm/{name}")
    node.parent.mkdir(exist_ok=True)
    node.touch(0o600)
    return vmm


def forget(run: Run, name: str) -> None:
    """Remove the device, and the directory with the last one."""
    run.state.vmms.pop(name, None)
    run.path(f"/dev/vmm/{name}").unlink(missing_ok=True)
    if not run.state.vmms and run.path("/dev/vmm").is_dir():
        run.path("/dev/vmm").rmdir()


def bhyve(run: Run, words: list[str]) -> int:
    """Run bhyve(8): its help, or the configuration it makes of a file."""
    run.reads()
    match words:
        case ["-h"]:
            run.err.append(messages.of(run).usage)
            return 0
        case ["-s", "help"]:
            run.out.append(messages.of(run).devices)
            return 0
        case ["-l", "help"]:
            run.out.append(messages.of(run).lpc_devices)
            return 0
    try:
        config = Config.of_words(run, words)
    except BadConfig as bad:
        raise run.fail(bad.text, bad.status) from None
    if config.get("config.dump") != "1":
        raise run.unknown("a guest is run by its supervisor only")
    run.out.append(config.dump())
    return 1


def bhyvectl(run: Run, words: list[str]) -> int:
    """Run bhyvectl(8)."""
    if not words:
        run.reads()
        run.err.append(messages.of(run).bhyvectl_usage)
        return 1
    name = words[0].removeprefix("--vm=")
    if name == words[0] or len(words) != 2:
        raise run.unknown()
    vmm = run.state.vmms.get(name)
    if words[1].startswith("--get-"):
        run.reads()
        return _tell(run, _opened(run, name, vmm), words[1])
    run.changes()
    if words[1] == "--create":
        if vmm is not None:
            raise run.unknown("creating what is there was never shown")
        create(run, name)
        return 0
    if vmm is None and words[1] == "--destroy" and run.path(f"/dev/vmm/{name}").exists():
        # The process that was creating it was killed between writing its file and our state.
        vmm = Vmm(name)
    vmm = _opened(run, name, vmm)
    match words[1]:
        case "--destroy":
            if vmm.pid:
                # vm_run(4) fails in bhyve, and it aborts.
                os.kill(vmm.pid, signal.SIGABRT)
            forget(run, name)
        case "--force-poweroff":
            _send(vmm, POWEROFF)
        case "--force-reset":
            _send(vmm, RESET)
        case "--inject-nmi":
            _send(vmm, NMI)
        case _:
            raise run.unknown()
    return 0


def _opened(run: Run, name: str, vmm: Vmm | None) -> Vmm:
    if vmm is None:
        raise run.fail(f"vm_open: {name} could not be opened: No such file or directory")
    return vmm


def _send(vmm: Vmm, number: int) -> None:
    if vmm.pid:
        os.kill(vmm.pid, number)


def _cpus(which: str, count: int) -> str:
    """Format as print_cpus() of bhyvectl.c."""
    return f"{which} cpus:\t" + ("" if not count else " " + ", ".join(map(str, range(count))))


def _tell(run: Run, vmm: Vmm, what: str) -> int:
    match what:
        case "--get-stats":
            resident = vmm.memory // 4 if vmm.pid else 0
            text = messages.of(run).stats.format(
                resident=resident, wired=vmm.memory if vmm.wired and vmm.pid else 0
            )
            run.out.append(text)
        case "--get-active-cpus":
            run.print(_cpus("active", vmm.cpus if vmm.pid else 0))
        case "--get-suspended-cpus":
            run.print(_cpus("suspended", vmm.suspended))
        case "--get-cpu-topology":
            run.print(
                f"cpu_topology:\tsockets={vmm.sockets}, cores={vmm.cores}, "
                f"threads={vmm.threads}, maxcpus={messages.most_cpus(run)}"
            )
        case _:
            raise run.unknown()
    return 0
