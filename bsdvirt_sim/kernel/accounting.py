"""What guests, and the host, have used: functions of the host's clock and of its state.

Without a load that a test sets, each guest has one of its own, by its name, that rises and falls.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel.topology import machine_of
from bsdvirt_sim.state import Host, Interface, Jail, Load, Vmm

HOST = ""
"""The host's own load, in Host.loads."""
KINDS = ("cpu", "received", "sent", "read", "written")
STATHZ = 127
PACKET = 800
BLOCK = 16384
PROCESS_MEMORY = 2598912
"""Resident memory of each of the two daemons of the captured jail."""
PROCESS_VIRTUAL = 13193216
SWING = 0.7
HOST_SPEED = 0.3


@dataclass(frozen=True)
class Totals:
    """Since the start: seconds of CPU time, and bytes."""

    cpu: float
    received: int
    sent: int
    read: int
    written: int


def clock(state: Host) -> float:
    """Return the time that usage is counted by."""
    return state.clock or time.time()


def of_jail(run: Run, jail: Jail) -> Totals:
    """Return what a jail has used."""
    return totals(run.state, jail.name, jail.started)


def of_vm(run: Run, vmm: Vmm) -> Totals:
    """Return what a virtual machine has used."""
    return totals(run.state, vmm.name, vmm.started)


def age(state: Host, started: float) -> int:
    """Return the seconds since a start."""
    return max(0, int(clock(state) - started))


def started(state: Host, name: str) -> float:
    """Return when the guest of that name was started; for the host, when it was booted."""
    jail = next((jail.started for jail in state.jails.values() if jail.name == name), None)
    vmm = state.vmms.get(name)
    return jail or (vmm.started if vmm is not None else state.boot)


def totals(state: Host, name: str, started: float) -> Totals:
    """Return what something of that name has used since its start."""
    load = state.loads.get(name)
    if load is None:
        values = [_own(name, kind, clock(state) - started) for kind in KINDS]
    else:
        base = load.base if load.since >= started else [0.0] * len(KINDS)
        seconds = clock(state) - max(load.since, started)
        values = [was + speed * seconds for was, speed in zip(base, speeds(load), strict=True)]
    return Totals(values[0], *(int(value) for value in values[1:]))


def speeds(load: Load) -> list[float]:
    """Return a load in the order of KINDS, a second."""
    return [load.cpu / 100, load.received, load.sent, load.read, load.written]


def _own(name: str, kind: str, seconds: float) -> float:
    """Return the integral of a speed that rises and falls, but is never negative."""
    if seconds <= 0:
        return 0.0
    seed = zlib.crc32(f"{name}/{kind}".encode())
    most = 0.4 if kind == "cpu" else 200_000.0
    speed = most * (seed % 1000 + 1) / 1000 if name != HOST else HOST_SPEED
    wave = 2 * math.pi / (20 + seed % 97)
    shift = seed % 7
    swing = SWING / wave * (math.cos(shift) - math.cos(wave * seconds + shift))
    return speed * (seconds + swing)


def memory(run: Run, jail: Jail) -> int:
    """Return the resident memory of a jail."""
    load = run.state.loads.get(jail.name)
    own = PROCESS_MEMORY * len(jail.processes)
    return load.memory if load is not None and load.memory else own


class Traffic:
    """What the interfaces of the host have received and sent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._units = {face.unit: face for face in run.state.interfaces.values()}
        self._vmms = {vmm.pid: vmm for vmm in run.state.vmms.values() if vmm.pid}

    def of(self, face: Interface) -> tuple[int, int]:
        """Return bytes received and sent: what comes in at the host's side, the guest has sent."""
        used = self._at_the_other_end(face)
        return (used.sent, used.received) if used is not None else (0, 0)

    def _at_the_other_end(self, face: Interface) -> Totals | None:
        if face.opened in self._vmms:
            return of_vm(self._run, self._vmms[face.opened])
        # The peer is known by its unit, however it was renamed.
        peer = self._units.get(face.peer) if face.peer else None
        jail = self._run.state.jails.get(peer.jail) if peer is not None else None
        return of_jail(self._run, jail) if jail is not None else None


def datasets(run: Run) -> Iterator[tuple[str, int, Totals | None]]:
    """Yield what has a node in kstat.zfs: the pool of each mounted file system and each volume, its
    number, and who reads and writes it."""
    roots = {jail.path: jail for jail in run.state.jails.values()}
    for name, dataset in run.state.datasets.items():
        pool, _, rest = name.partition("/")
        if dataset.kind == "volume":
            owner = rest.split("/")[-2:-1]
            vmm = run.state.vmms.get(owner[0]) if owner else None
            yield pool, dataset.guid, of_vm(run, vmm) if vmm is not None and vmm.pid else None
        elif dataset.mounted:
            jail = roots.get(dataset.mounted)
            yield pool, dataset.guid, of_jail(run, jail) if jail is not None else None


def swapinfo(run: Run, words: list[str]) -> int:
    """Run `swapinfo -k`: the captured hosts have no swap space."""
    run.reads()
    if words != ["-k"]:
        raise run.unknown()
    run.print("Device          1K-blocks     Used    Avail Capacity")
    return 0


def ticks(run: Run) -> list[list[int]]:
    """Return the ticks of each CPU: user, nice, system, interrupt, idle."""
    state = run.state
    every = int(STATHZ * max(0.0, clock(state) - state.boot))
    # The host's load is in percent of all CPUs.
    busy = min(every, int(STATHZ * totals(state, HOST, state.boot).cpu))
    user = busy * 2 // 3
    machine = machine_of(state.machine, state.cpus)
    there = set(machine.top.cpus)
    each = [user, 0, busy - user, 0, every - busy]
    return [each if cpu in there else [0] * len(each) for cpu in range(machine.highest + 1)]


def sysctls(run: Run, known: Mapping[str, str]) -> dict[str, str]:
    """Return the values of sysctl(8) that move, and those of memory; `known` are the others."""
    cpus = ticks(run)
    together = [sum(column) for column in zip(*cpus, strict=True)]
    average = totals(run.state, HOST, run.state.boot).cpu / max(
        1.0, clock(run.state) - run.state.boot
    )
    pages = int(known["hw.physmem"]) // int(known["hw.pagesize"])
    loads = " ".join(f"{average * run.state.cpus * part:.2f}" for part in (1.0, 0.9, 0.8))
    return {
        "kern.cp_time": " ".join(map(str, together)),
        "kern.cp_times": " ".join(str(count) for cpu in cpus for count in cpu),
        "vm.loadavg": f"{{ {loads} }}",
        "vm.stats.vm.v_free_count": str(pages // 2),
        "vm.stats.vm.v_inactive_count": str(pages // 8),
        "kstat.zfs.misc.arcstats.size": str(int(known["hw.physmem"]) // 8),
    }


def kstats(run: Run) -> dict[str, str]:
    """Return the counters of all datasets, by their sysctls."""
    return {
        f"kstat.zfs.{pool}.dataset.objset-{number:#x}.{leaf}": value
        for pool, number, used in datasets(run)
        for leaf, value in _leaves(used).items()
    }


def _leaves(used: Totals | None) -> dict[str, str]:
    read, written = (used.read, used.written) if used else (0, 0)
    return {
        "writes": str(written // BLOCK),
        "nwritten": str(written),
        "reads": str(read // BLOCK),
        "nread": str(read),
    }
