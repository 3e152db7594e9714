"""sysctl(8), kldload(8), kldstat(8)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import ModuleType

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel import accounting, sysctl13, sysctl15, topology
from bsdvirt_sim.state import Module

_WRITABLE = (
    "net.inet.ip.forwarding", "net.inet6.ip6.forwarding", "net.link.bridge.", "net.link.tap.",
    "security.jail.", "kern.elf",
)  # fmt: skip
LOADABLE = (
    "fdescfs", "if_tuntap", "if_vlan", "linprocfs", "linsysfs", "linux64", "mac_ntpd", "nullfs",
    "pf", "tmpfs", "vmm",
)  # fmt: skip
"""Modules that can be loaded, or that the kernel contains."""
KSTAT = "kstat.zfs."
"""What begins the counters of datasets: those of one that is not mounted are unknown."""
KERNELS: Mapping[str, ModuleType] = {"13.2": sysctl13, "15.1": sysctl15}

PARAM = "security.jail.param."


def values(run: Run) -> dict[str, str]:
    """Return all values of the simulated kernel."""
    state = run.state
    when = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(state.boot))
    machine = topology.machine_of(state.machine, state.cpus)
    known: dict[str, str] = KERNELS[state.version].VALUES
    return (
        known
        | {
            "hw.ncpu": str(state.cpus),
            "kern.osrelease": state.release,
            "kern.hostname": "fbsd",
            "kern.osreldate": str(state.osreldate),
            "kern.racct.enable": str(int(state.racct)),
            "kern.boottime": f"{{ sec = {state.boot}, usec = 0 }} {when}",
            "hw.model": machine.model,
            "kern.smp.maxid": str(machine.highest),
            "kern.smp.threads_per_core": str(machine.threads),
            "kern.vm_guest": machine.guest_of,
            "vm.ndomains": str(len(machine.domains) or 1),
            "kern.sched.topology_spec": topology.spec(machine.top, run.release.cpu_words),
        }
        | accounting.sysctls(run, known)
        | state.sysctls
    )


def sysctl(run: Run, words: list[str]) -> int:
    """Run sysctl(8)."""
    if len(words) == 1 and "=" in words[0]:
        return _set(run, *words[0].split("=", 1))
    run.reads()
    if words == ["-N", PARAM.rstrip(".")]:
        # vmm(4) adds its own (vmmdev_init in vmm_dev.c); the captures are of a host that has it.
        hidden = () if is_loaded(run, "vmm") else (f"{PARAM}allow.vmm", f"{PARAM}allow.vmm_ppt")
        every = KERNELS[run.state.version].JAIL_PARAMS
        run.out.extend(f"{name}\n" for name in every if name not in hidden)
        return 0
    if words == ["-d", "security.jail.param.allow"]:
        run.out.extend(f"{line}\n" for line in KERNELS[run.state.version].ALLOW_HELP)
        return 0
    bare = words[:1] == ["-n"]
    names = words[1:] if bare else words
    if not names or any(name.startswith("-") or "=" in name for name in names):
        raise run.unknown()
    known = values(run)
    if any(name.startswith(KSTAT) for name in names):
        known |= accounting.kstats(run)
    status = 0
    for name in names:
        found = (
            {name: known[name]}
            if name in known
            else {leaf: value for leaf, value in known.items() if leaf.startswith(name + ".")}
        )
        if found:
            for leaf, value in found.items():
                run.print(value if bare else f"{leaf}: {value}")
        elif name in KERNELS[run.state.version].ABSENT or name.startswith(KSTAT):
            run.warn(f"sysctl: unknown oid '{name}'")
            status = 1
        else:
            raise run.unknown(f"sysctl {name} is not simulated")
    return status


def _set(run: Run, name: str, value: str) -> int:
    run.changes()
    old = values(run).get(name)
    if old is None:
        raise run.unknown(f"sysctl {name} is not simulated")
    if not name.startswith(_WRITABLE):
        raise run.fail(f"sysctl: oid '{name}' is read only")
    run.state.sysctls[name] = value
    run.print(f"{name}: {old} -> {value}")
    return 0


def kldload(run: Run, words: list[str]) -> int:
    """Run kldload(8)."""
    run.changes()
    quiet = words[:1] == ["-n"]
    names = words[1:] if quiet else words
    if not names or any(name.startswith("-") for name in names) or not (quiet or run.wide):
        raise run.unknown()
    status = 0
    for name in names:
        plain = name.removesuffix(".ko")
        if is_loaded(run, plain):
            if not quiet:
                raise run.unknown("loading twice was never shown")
        elif plain in LOADABLE:
            load(run, plain)
        else:
            run.warn(f"kldload: can't load {name}: No such file or directory")
            status = 1
    return status


def is_loaded(run: Run, name: str) -> bool:
    """Whether the kernel has that module."""
    return any(name in module.names for module in run.state.modules)


def load(run: Run, name: str) -> None:
    """Load a module."""
    number = len(run.state.modules) + 1
    line = f"{number:2}    1 0xffffffff82{number:06x}     2a08 {name}.ko"
    names = [name, "linux_common"] if name == "linux64" else [name]
    run.state.modules.append(Module(f"{name}.ko", names, line))


def kldstat(run: Run, words: list[str]) -> int:
    """Run kldstat(8)."""
    run.reads()
    match words:
        case []:
            run.print("Id Refs Address                Size Name")
            for module in run.state.modules:
                run.print(module.line)
            return 0
        case ["-q", "-m", name]:
            return 0 if any(name in module.names for module in run.state.modules) else 1
        case ["-q", "-n", name]:
            files = {module.file for module in run.state.modules}
            return 0 if name in files or f"{name}.ko" in files else 1
    raise run.unknown()
