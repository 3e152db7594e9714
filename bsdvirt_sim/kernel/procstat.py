"""procstat(1): the CPUs of bhyve's threads."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel.processes import OWN_THREADS, alive, mask_of_process, tid_of
from bsdvirt_sim.state import Vmm


def procstat(run: Run, words: list[str]) -> int:
    """Run `procstat -h -S PID …`, which has no heading (procstat_cs.c, captures/05)."""
    run.reads()
    match words:
        case ["-h", "-S", *pids] if pids and all(pid.isdigit() for pid in pids):
            pass
        case _:
            raise run.unknown()
    for pid in map(int, pids):
        vmm = next((vmm for vmm in run.state.vmms.values() if vmm.pid == pid), None)
        if vmm is not None:
            _show(run, vmm)
        elif alive(pid):
            raise run.unknown(f"the threads of process {pid} are not simulated")
        else:
            # The processes after it are not shown (procstat.c, libprocstat.c).
            run.warn("procstat: sysctl(kern.proc): No such process")
            raise run.fail("procstat: procstat_getprocs()")
    return 0


def _show(run: Run, vmm: Vmm) -> None:
    mask = mask_of_process(run.state, vmm.pid)
    threads = [(name, mask) for name in OWN_THREADS]
    threads += [(f"vcpu {n}", vmm.pins.get(n, mask)) for n in range(vmm.cpus)]
    for number, (name, cpus) in enumerate(threads):
        tid = tid_of(vmm.pid, number)
        run.print(f"{vmm.pid:5} {tid:6} {'bhyve':<19} {name:<19} {-1:3} {1:4} {_spans(cpus)}")


def _spans(mask: list[int]) -> str:
    """Return a set as procstat_cs() writes it."""
    spans: list[list[int]] = []
    for cpu in sorted(mask):
        if spans and spans[-1][1] == cpu - 1:
            spans[-1][1] = cpu
        else:
            spans.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
