"""What a running virtual machine takes when it reboots, what it lacks of what its start made, and
where it may run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from bsdvirt.bhyve import config, supervise
from bsdvirt.bhyve.devices import DEVICES
from bsdvirt.cpu.limits import (
    NO_PINS,
    LiveFacts,
    cpuset_changes,
    cpuset_drift,
    limit_drift,
    limits_differ,
    live_steps,
    touches_kernel,
)
from bsdvirt.facts.cpus.affinity import Threads, read_threads
from bsdvirt.facts.host import HostFacts, Kernel, parse_mask, read_kernel
from bsdvirt.facts.rctl import process_subject, read_rules
from bsdvirt.facts.vms import read_vm
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.view import Cpus, View
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
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
    if before.pins != after.pins:
        new = config.repinned(new, before, after)
    kept = [(vm.stop, vm.restart, vm.cpuset, vm.limits) for vm in (before, after)]
    if new == conf and kept[0] == kept[1]:
        return []
    media = [path for device in DEVICES for path in device.media(conf)]
    changed = supervise.changed(job, guest, after, media)
    files = ((bhyve_conf(guest.name), conf, new), (run_file(guest.name), job, changed))
    return [
        Step(
            WriteFile(path, text, 0o600),
            "what its supervisor reads again",
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


class Pinned(Struct, frozen=True):
    """The threads of bhyve that are pinned virtual CPUs, by their numbers."""

    now: Mapping[int, CpuList]
    then: Mapping[int, CpuList]
    """What each is to be pinned to. One that would be outside the guest's CPUs is left out."""


def pinned(host: Host, pid: int, vm: Vm, *, moved: bool = False) -> Pinned:
    """Return the pinned threads; `vm` has the CPUs that the guest is to run on. Each stays pinned
    where it is, as far as these allow; if the pins were `moved`, it follows them."""
    threads = read_threads(host, [pid]).get(pid, Threads())
    now = {threads.tids[vcpu]: CpuList.of(cpus) for vcpu, cpus in threads.pinned.items()}
    mine, wanted = set(vm.cpuset.cpus) if vm.cpuset else None, cpus_wanted(vm).pins
    then = {}
    for vcpu, cpus in threads.pinned.items():
        own = [wanted.get(vcpu), cpus] if moved else [cpus, wanted.get(vcpu)]
        fit = next((one for one in own if one and (mine is None or mine >= set(one))), None)
        if fit is not None:
            then[threads.tids[vcpu]] = CpuList.of(fit)
    return Pinned(now, then)


def live(host: Host, guest: Guest, before: Vm, after: Vm) -> list[Step]:
    """Apply what a running guest takes at once: limits, and CPUs."""
    pid = pid_of(host.fs, guest.name)
    if pid is None or not touches_kernel(before, after):
        return []
    of = ("-p", str(pid))
    shown = host.run((tools.CPUSET, "-g", *of), changes=False).check().stdout
    pins = pinned(host, pid, after, moved=before.pins != after.pins)
    kernel, rules = read_kernel(host), read_rules(host) if limits_differ(before, after) else []
    facts = LiveFacts(kernel, rules, parse_mask(shown), pins.then, pins.now)
    return live_steps(guest.name, process_subject(pid), of, before, after, facts)


def watcher_steps(host: Host, name: str, cpus: CpuList | None) -> list[Step]:
    """Move the supervisor of a running guest to these CPUs; None for all."""
    fact = read_vm(host.fs, name)
    if fact is None or not fact.supervised or fact.said is None or not fact.said.supervisor:
        return []
    of = ("-p", str(fact.said.supervisor))
    shown = host.run((tools.CPUSET, "-g", *of), changes=False)
    if shown.status != 0:
        return []
    steps = cpuset_changes(of, cpus, CpuList(parse_mask(shown.stdout)), read_kernel(host))
    return [msgspec.structs.replace(step, why="its supervisor's CPUs") for step in steps]


def pid_of(fs: Fs, name: str) -> int | None:
    """Return the process id of bhyve; None between two runs of it."""
    fact = read_vm(fs, name)
    return fact.said.pid if fact is not None and fact.said else None


def read_drift(
    view: View, guest: Guest, vm: Vm | None, facts: HostFacts, kernel: Kernel
) -> Iterator[Drift]:
    """Yield what the guest lacks; `vm` has the CPUs that it is to run on."""
    pid, mask, pins = pid_of(view.fs, guest.name), None, NO_PINS
    if vm and vm.cpuset and pid:
        shown = view.host.run((tools.CPUSET, "-g", "-p", str(pid)), changes=False)
        # It may have ended meanwhile.
        mask = parse_mask(shown.stdout) if shown.status == 0 else None
        if mask not in (None, vm.cpuset):
            pins = pinned(view.host, pid, vm).then
    yield from drift(guest, vm, view.networks, facts, kernel, pid, mask, pins)
    if vm is None or view.open_cpus is None:
        return
    if steps := watcher_steps(view.host, guest.name, view.open_cpus):
        yield Drift(
            "its supervisor runs on CPUs that a guest has for itself", tuple(steps),
            f"gave its supervisor the CPUs {view.open_cpus}",
        )  # fmt: skip
    path = run_file(guest.name)
    job = view.fs.read_or(path)
    if job and (placed := supervise.placed(job, vm)) != job:
        yield Drift(
            "it would reboot on other CPUs than it is to run on",
            (Step(WriteFile(path, placed, 0o600), "its CPUs after a reboot"),),
            f"its supervisor runs it on the CPUs {vm.cpuset}",
        )  # fmt: skip


def _cpus(threads: Threads) -> Cpus:
    pins = threads.pinned
    every = threads.cpus.union(*pins.values())
    return Cpus(tuple(sorted(every)), len(threads.vcpus), pins)


def cpus_wanted(vm: Vm) -> Cpus:
    """Return where the guest may run from its next start on."""
    pins: dict[int, tuple[int, ...]] = {}
    for pin in vm.exact_pins:
        pins[pin.vcpu] = tuple(sorted({*pins.get(pin.vcpu, ()), *pin.cpus.cpus}))
    return Cpus(vm.cpuset.cpus if vm.cpuset else None, vm.cpus, pins)
