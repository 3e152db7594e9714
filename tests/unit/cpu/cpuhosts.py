"""Maps of simulated machines, with guests and loads that are always the same."""

from __future__ import annotations

from machines import facts_of as facts_of

from bsdvirt.cpu.shares import Placed, cpu_map
from bsdvirt.cpu.topology import topology
from bsdvirt.rows.cpu import CpuMap


def shown(name: str, count: int = 2, *, loads: bool = True) -> CpuMap:
    """Return the map of a machine: an empty one, with a guest pinned, with some that share CPUs."""
    host = topology(facts_of(name, count))
    cpus = host.cpus
    last = cpus[-1]
    half = cpus[: max(1, len(cpus) // 2)]
    guests = [
        Placed("cache", "jail", "running", True, (last,), str(last)),
        Placed("db", "vm", "running", True, half, None, 2, {0: (half[0],), 1: (half[-1],)}),
        Placed("mail", "jail", "running", True),
        Placed("old", "jail", "stopped", False, (0,), "0"),
        Placed("proxy", "jail", "running", True),
        Placed("web", "jail", "running", True, cpus[:2], None),
    ]
    busy = [float((cpu * 37) % 101) for cpu in range(last + 1)] if loads else []
    return cpu_map(host, guests, busy)


def with_claims(name: str) -> CpuMap:
    """Return the map of a machine with reserved CPUs and exclusive claims, one of them of a guest
    that does not run."""
    host = topology(facts_of(name))
    cpus = host.cpus
    left = tuple(cpu for cpu in cpus if cpu not in cpus[:8])
    guests = [
        Placed("db", "vm", "running", True, cpus[2:6], None, 4, {n: (n + 2,) for n in range(4)},
               placement="exclusive", claimed=cpus[2:6], owns=True),
        Placed("mail", "jail", "running", True, left),
        Placed("old", "jail", "stopped", False, cpus[8:10], None, placement="shared",
               claimed=cpus[8:10]),
        Placed("vault", "jail", "stopped", False, cpus[6:8], None, placement="auto",
               claimed=cpus[6:8], owns=True),
        Placed("web", "jail", "running", True, cpus[8:12], None, placement="shared",
               claimed=cpus[8:12]),
    ]  # fmt: skip
    busy = [float((cpu * 37) % 101) for cpu in range(cpus[-1] + 1)]
    return cpu_map(host, guests, busy, cpus[:2])
