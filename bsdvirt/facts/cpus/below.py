"""The cpusets below a jail's, which its processes may be in.

jail(8) of FreeBSD 15 enters the host's root set before it attaches (root_cpuset_id() in
usr.sbin/jail/command.c): then the kernel creates a set below the jail's for what exec.start runs,
with the CPUs that the jail has at that moment (cpuset_setproc_newbase() in kern_cpuset.c). Changes
of the jail's set only take CPUs from it. Ids are asked for by process, as the kernel holds them:
procstat(1) shows all in one go, beside names that a jail chooses.
"""

from __future__ import annotations

import re

from bsdvirt.facts.host import parse_mask
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural
from bsdvirt.spec.types import CpuList

_ID = re.compile(r"(?:pid|jail) \d{1,10} (?:cpuset|root) id: (\d{1,10})\n?", re.ASCII)


def read_below(host: Host, jail: str) -> dict[int, CpuList]:
    """Return the sets below that of a running jail, with their CPUs, by id. A process that has
    ended meanwhile is left out."""
    own = _id(host, "-j", jail)
    if own is None:
        return {}
    listed = host.run((tools.PS, "-J", jail, "-o", "pid"), changes=False).stdout
    pids = [word for word in listed.split() if natural(word) is not None]
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
