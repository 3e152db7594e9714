"""The cpusets below a jail's, which its processes may be in.

jail(8) of FreeBSD 15 enters the host's root set before it attaches (root_cpuset_id() in
usr.sbin/jail/command.c): then the kernel creates a set below the jail's for what exec.start runs,
with the CPUs that the jail has at that moment (cpuset_setproc_newbase() in kern_cpuset.c). Changes
of the jail's set only take CPUs from it. Ids are asked for by process, as the kernel holds them:
procstat(1) shows all in one go, beside names that a jail chooses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bsdvirt.facts.host import parse_mask
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural
from bsdvirt.spec.types import CpuList

_ID = re.compile(r"(?:pid|jail) \d{1,10} (?:cpuset|root) id: (\d{1,10})\n?", re.ASCII)


def read_below(host: Host, jail: str) -> dict[int, CpuList]:
    """Return the sets below that of a running jail, with their CPUs, by id. A process that has
    ended meanwhile is left out."""
    listed = host.run((tools.PS, "-J", jail, "-o", "pid"), changes=False).stdout
    return _sets(host, jail, [word for word in listed.split() if natural(word) is not None])


def read_strays(host: Host, jail: str, pids: Sequence[int], wanted: CpuList) -> dict[int, CpuList]:
    """Return the sets whose CPUs are not those wanted. It costs a command only where a process is
    in such a set, or the kernel does not answer by a system call."""
    if all(host.process_cpus(pid) == wanted.cpus for pid in pids):
        return {}
    sets = _sets(host, jail, [str(pid) for pid in pids])
    return {number: cpus for number, cpus in sets.items() if cpus != wanted}


def read_jailed(host: Host) -> dict[int, list[int]]:
    """Return the processes in jails, by the jails' jid; one command."""
    found: dict[int, list[int]] = {}
    for line in host.run((tools.PS, "-ax", "-o", "pid,jid"), changes=False).stdout.splitlines():
        numbers = [number for word in line.split() if (number := natural(word)) is not None]
        if len(numbers) == 2 and numbers[1]:
            found.setdefault(numbers[1], []).append(numbers[0])
    return found


def _sets(host: Host, jail: str, pids: Sequence[str]) -> dict[int, CpuList]:
    own = _id(host, "-j", jail) if pids else None
    if own is None:
        return {}
    found: dict[int, CpuList] = {}
    for pid in pids:
        number = _id(host, "-p", pid)
        # The number of a process that has ended may be that of another, outside the jail.
        if number in (None, own, *found) or _id(host, "-r", "-p", pid) != own:
            continue
        shown = host.run((tools.CPUSET, "-g", "-s", str(number)), changes=False)
        if shown.status == 0 and number is not None:
            found[number] = parse_mask(shown.stdout)
    return found


def _id(host: Host, *of: str) -> int | None:
    """Return the id of a cpuset; None if what is asked for does not exist."""
    shown = host.run((tools.CPUSET, "-g", "-i", *of), changes=False)
    match = _ID.fullmatch(shown.stdout) if shown.status == 0 else None
    return int(match[1]) if match else None
