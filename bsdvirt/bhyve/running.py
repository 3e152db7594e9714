"""What a running virtual machine takes when it reboots, what it lacks of what its start made, and
where it may run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.bhyve import supervise
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.cpu.limits import cpuset_drift, limit_drift
from bsdvirt.facts.cpus.affinity import Threads, read_threads
from bsdvirt.facts.host import HostFacts, Kernel
from bsdvirt.facts.rctl import process_subject
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import Cpus
from bsdvirt.host.base import Host
from bsdvirt.layout import bhyve_conf, run_file
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import FileExists, Not, Step, Undo, WriteFile
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import CpuList
from bsdvirt.spec.vm import Vm


def run_steps(guest: Guest, before: Vm, after: Vm, conf: str, job: str) -> list[Step]:
    """Change what is read again while the guest runs: bhyve's configuration when the guest
    reboots, and how the supervisor stops and restarts it. `conf` and `job` are the files of
    the present run."""
    if not conf or not job:
        return []
    new = conf
    for device in DEVICES:
        new = device.at_reboot(new, guest, before, after)
    if new == conf and (before.stop, before.restart) == (after.stop, after.restart):
        return []
    media = [path for device in DEVICES for path in device.media(conf)]
    changed = supervise.changed(job, guest, after, media)
    files = ((bhyve_conf(guest.name), conf, new), (run_file(guest.name), job, changed))
    return [
        Step(
            WriteFile(path, text, 0o600),
            "the policy that its supervisor reads again",
            undo=(Undo(WriteFile(path, old, 0o600), FileExists(path)),),
            unless=Not(FileExists(path)),
        )
        for path, old, text in files
        if text != old
    ]


def drift(
    guest: Guest,
    vm: Vm | None,
    networks: Mapping[str, Network],
    facts: HostFacts,
    kernel: Kernel,
    pid: int | None,
    mask: CpuList | None = None,
    pins: Mapping[int, CpuList] | None = None,
) -> Iterator[Drift]:
    """Yield what the guest lacks. `vm` is its file, where it can be read; `pid` is bhyve's,
    None between two runs of it; `mask` are its CPUs, `pins` those of threads that are pinned."""
    for device in DEVICES:
        yield from device.drift(guest, vm, networks, facts)
    if vm is None or pid is None:
        return
    if kernel.racct:
        yield from limit_drift(process_subject(pid), vm.limits, facts.rules)
    yield from cpuset_drift(("-p", str(pid)), vm.cpuset, mask, kernel, pins or {})


def cpus_now(host: Host, pids: Mapping[str, int]) -> dict[str, Cpus]:
    """Return where the threads of these guests' bhyve may run. bhyve pins a virtual CPU by giving
    its thread CPUs that differ from those of the process."""
    threads = read_threads(host, pids.values())
    return {name: _cpus(threads[pid]) for name, pid in pids.items() if pid in threads}


def pinned(host: Host, pid: int) -> dict[int, CpuList]:
    """Return the CPUs of each thread of bhyve that is a pinned virtual CPU."""
    threads = read_threads(host, [pid]).get(pid, Threads())
    return {threads.tids[vcpu]: CpuList.of(cpus) for vcpu, cpus in threads.pinned.items()}


def _cpus(threads: Threads) -> Cpus:
    pins = threads.pinned
    every = threads.cpus.union(*pins.values())
    return Cpus(tuple(sorted(every)), len(threads.vcpus), pins)


def cpus_wanted(vm: Vm) -> Cpus:
    """Return where the guest may run from its next start on."""
    pins: dict[int, tuple[int, ...]] = {}
    for pin in vm.pins:
        pins[pin.vcpu] = tuple(sorted({*pins.get(pin.vcpu, ()), *pin.cpus.cpus}))
    return Cpus(vm.cpuset.cpus if vm.cpuset else None, vm.cpus, pins)
