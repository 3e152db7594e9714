"""The CPUs of a simulated host: named machines, and the XML that the kernel makes of them.

Each tree is the one that x86topo_add_sched_group() of mp_x86.c builds for such a machine: groups of
one CPU are left out, and a cache with the same CPUs as the group above it gives that its level.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bsdvirt_sim.state import Host

VARIABLE = "BSDVIRT_SIM_MACHINE"
"""The machine of hosts created from now on; an existing host keeps its own."""
Cpus = tuple[int, ...]
_FLAGS = {"THREAD": "THREAD group", "SMT": "SMT group", "NODE": "NUMA node"}
SMT = ("THREAD", "SMT")
"""What a group with CG_FLAG_SMT shows."""


@dataclass(frozen=True)
class Node:
    """A struct cpu_group."""

    cache: int
    cpus: Cpus
    flags: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Machine:
    """The CPUs of a machine."""

    model: str
    top: Node
    threads: int = 1
    """kern.smp.threads_per_core: CPUs by cores, rounded down."""
    domains: tuple[Cpus, ...] = ()
    """The CPUs of the NUMA domains, if there are several."""
    announced: str = ""
    """What cpu_mp_announce() prints at boot; a host with one CPU prints nothing."""
    last: int | None = None
    """kern.smp.maxid, if CPUs are disabled."""
    guest_of: str = "none"

    @property
    def highest(self) -> int:
        return len(self.top.cpus) - 1 if self.last is None else self.last


def _cores(first: int, count: int, threads: int) -> tuple[Node, ...]:
    """Return cores with a cache of level 2 each; threads that are alone make no group."""
    if threads == 1:
        return ()
    starts = range(first, first + count * threads, threads)
    return tuple(Node(2, tuple(range(at, at + threads)), SMT) for at in starts)


def _caches(first: int, count: int, cores: int, threads: int) -> tuple[Node, ...]:
    """Return groups of level 3, each with that many cores."""
    size = cores * threads
    return tuple(
        Node(3, tuple(range(at, at + size)), children=_cores(at, cores, threads))
        for at in range(first, first + count * size, size)
    )


def _root(children: tuple[Node, ...]) -> Node:
    return Node(0, tuple(cpu for child in children for cpu in child.cpus), children=children)


def _sockets(count: int, cores: int, threads: int) -> Node:
    """Return packages that are a NUMA domain each, with one cache of level 3."""
    size = cores * threads
    return _root(
        tuple(
            Node(3, tuple(range(at, at + size)), ("NODE",), _cores(at, cores, threads))
            for at in range(0, count * size, size)
        )
    )


def plain(count: int) -> Machine:
    """Return the captured machine, with that many CPUs: a virtual machine of QEMU."""
    cpus = tuple(range(count))
    announced = f"1 package(s) x {count} core(s)" if count > 1 else ""
    return Machine(
        "QEMU Virtual CPU version 2.5+", Node(3, cpus), announced=announced, guest_of="kvm"
    )


def _epyc() -> Machine:
    return Machine(
        "AMD EPYC 7713 64-Core Processor", _root(_caches(0, 8, 8, 2)), 2,
        announced="1 package(s) x 8 cache groups x 8 core(s) x 2 hardware threads",
    )  # fmt: skip


def _two_epycs() -> Machine:
    """Two packages as one NUMA domain: memory is interleaved."""
    return Machine(
        "AMD EPYC 9354 32-Core Processor", _root(_caches(0, 16, 4, 2)), 2,
        announced="2 package(s) x 8 cache groups x 4 core(s) x 2 hardware threads",
    )  # fmt: skip


def _xeon() -> Machine:
    return Machine(
        "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", _sockets(2, 20, 2), 2,
        (tuple(range(40)), tuple(range(40, 80))),
        "2 package(s) x 20 core(s) x 2 hardware threads",
    )  # fmt: skip


def _xeon_no_smt() -> Machine:
    """The same with machdep.hyperthreading_allowed=0."""
    top = _root(tuple(Node(3, tuple(range(at, at + 20)), ("NODE",)) for at in (0, 20)))
    return Machine(
        "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", top, 1,
        (tuple(range(20)), tuple(range(20, 40))),
        "2 package(s) x 20 core(s) x 2 hardware threads\n"
        "FreeBSD/SMP Online: 2 package(s) x 20 core(s)",
        last=79,
    )  # fmt: skip


def _four_sockets() -> Machine:
    return Machine(
        "Intel(R) Xeon(R) Platinum 8360HL CPU @ 3.00GHz", _sockets(4, 24, 2), 2,
        tuple(tuple(range(at, at + 48)) for at in range(0, 192, 48)),
        "4 package(s) x 24 core(s) x 2 hardware threads",
    )  # fmt: skip


def _ryzen() -> Machine:
    return Machine(
        "AMD Ryzen 7 3700X 8-Core Processor", _root(_caches(0, 2, 4, 2)), 2,
        announced="1 package(s) x 2 cache groups x 4 core(s) x 2 hardware threads",
    )  # fmt: skip


def _i9() -> Machine:
    """Eight performance cores with two threads, and four groups of four efficiency cores."""
    fast = _cores(0, 8, 2)
    small = tuple(Node(2, tuple(range(at, at + 4))) for at in range(16, 32, 4))
    return Machine(
        "13th Gen Intel(R) Core(TM) i9-13900K", Node(3, tuple(range(32)), (), (*fast, *small)),
        announced="Non-uniform topology",
    )  # fmt: skip


def _vps() -> Machine:
    return Machine("AMD EPYC-Rome Processor", Node(0, (0,)), guest_of="kvm")


def _large() -> Machine:
    """Two packages of 64 cores each, with 256 CPUs in all."""
    half = 128
    nodes = tuple(
        Node(0, tuple(range(at, at + half)), ("NODE",), _caches(at, 8, 8, 2)) for at in (0, half)
    )
    return Machine(
        "AMD EPYC 7763 64-Core Processor", _root(nodes), 2,
        (tuple(range(half)), tuple(range(half, 2 * half))),
        "2 package(s) x 8 cache groups x 8 core(s) x 2 hardware threads",
    )  # fmt: skip


MACHINES: Mapping[str, Machine] = {
    "epyc": _epyc(),
    "two-epycs": _two_epycs(),
    "xeon": _xeon(),
    "xeon-no-smt": _xeon_no_smt(),
    "four-sockets": _four_sockets(),
    "ryzen": _ryzen(),
    "i9": _i9(),
    "vps": _vps(),
    "large": _large(),
}


def chosen() -> str:
    """Return the machine of a new host, from the environment; empty for the captured one.

    Raises ValueError for one that is not simulated.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted and wanted not in MACHINES:
        raise ValueError(f"{VARIABLE}={wanted}: the simulated machine is one of {_names()}")
    return wanted


def _names() -> str:
    return ", ".join(MACHINES)


def machine_of(name: str, count: int) -> Machine:
    """Return a machine by name; without one, the captured machine with that many CPUs."""
    return MACHINES[name] if name else plain(count)


def mask_text(cpus: Sequence[int], words: int) -> str:
    """Return a set as cpusetobj_strprint() writes it: a cpuset_t has that many longs."""
    bits = sum(1 << cpu for cpu in cpus)
    return ",".join(f"{bits >> 64 * at & (1 << 64) - 1:x}" for at in range(words))


def spec(top: Node, words: int) -> str:
    """Return kern.sched.topology_spec, without its last line's end."""
    return "\n".join(("<groups>", *_group(top, words, 1), "</groups>"))


def _group(node: Node, words: int, indent: int) -> Iterator[str]:
    """Yield the lines of sysctl_kern_sched_topology_spec_internal()."""
    space = " " * indent
    numbers = ", ".join(map(str, node.cpus))
    yield f'{space}<group level="{1 + indent // 2}" cache-level="{node.cache}">'
    mask = mask_text(node.cpus, words)
    yield f'{space} <cpu count="{len(node.cpus)}" mask="{mask}">{numbers}</cpu>'
    if node.flags:
        flags = (f'<flag name="{name}">{_FLAGS[name]}</flag>' for name in node.flags)
        yield f"{space} <flags>{''.join(flags)}</flags>"
    if node.children:
        yield f"{space} <children>"
        for child in node.children:
            yield from _group(child, words, indent + 2)
        yield f"{space} </children>"
    yield f"{space}</group>"


def install(root: Path, state: Host, name: str) -> None:
    """Make a host that machine, with the boot messages that its kernel leaves."""
    machine = machine_of(name, state.cpus)
    state.machine, state.cpus = name, len(machine.top.cpus)
    (root / "var/run/dmesg.boot").write_text(boot_messages(machine))


def boot_messages(machine: Machine) -> str:
    """Return the lines of the kernel's boot messages about its CPUs."""
    if not machine.announced:
        return ""
    count = len(machine.top.cpus)
    return (
        f"FreeBSD/SMP: Multiprocessor System Detected: {count} CPUs\n"
        f"FreeBSD/SMP: {machine.announced}\n"
    )
