"""Where running guests may run, as the kernel holds it.

A jail's CPUs are asked for by a system call, of which any number costs nothing; cpuset(1) would be
a process for each jail. bhyve's threads are shown by one procstat(1) for all virtual machines:
bhyve names its threads itself, so that no guest can forge a line.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import read_mask
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.types import CpuList

Cpus = tuple[int, ...]
_THREAD = re.compile(
    r" *(?P<pid>\d{1,10}) +(?P<tid>\d{1,10}) (?P<command>.{19,}?) (?P<name>.{19,}?)"
    r" +(?:-?\d{1,4}|-) +-?\d{1,10} (?P<mask>[0-9,-]+)",
    re.ASCII,
)
_VCPU = re.compile(r"vcpu (\d{1,4})", re.ASCII)


class Threads(Struct):
    """The CPUs of a running bhyve."""

    cpus: set[int] = field(default_factory=set)
    """Those of its threads, except for virtual CPUs."""
    vcpus: dict[int, Cpus] = field(default_factory=dict)
    """Those of each virtual CPU."""
    tids: dict[int, int] = field(default_factory=dict)
    """The thread of each virtual CPU."""

    @property
    def pinned(self) -> dict[int, Cpus]:
        """The CPUs of each virtual CPU that has others than the process."""
        own = tuple(sorted(self.cpus))
        return {vcpu: cpus for vcpu, cpus in sorted(self.vcpus.items()) if cpus != own}


def read_jail_cpus(host: Host, jid: int, name: str) -> Cpus | None:
    """Return the CPUs of a running jail; None if it does not exist."""
    known = host.jail_cpus(jid)
    if known is not None:
        return known
    try:
        return read_mask(host, name).cpus
    except (BsdvirtError, BadValueError, IndexError):
        return None


def read_threads(host: Host, pids: Collection[int]) -> dict[int, Threads]:
    """Return the CPUs of these processes' threads, by process; one command. A process that has
    ended meanwhile is left out."""
    found: dict[int, Threads] = {}
    left = sorted(pids)
    while left:
        argv = (tools.PROCSTAT, "-h", "-S", *(str(pid) for pid in left))
        shown = host.run(argv, changes=False)
        found |= parse_threads(shown.stdout)
        if shown.status == 0:
            break
        # It ends at the first process that does not exist.
        ended = next((at for at, pid in enumerate(left) if pid not in found), len(left))
        left = left[ended + 1 :]
    return found


def parse_threads(text: str) -> dict[int, Threads]:
    """Parse `procstat -h -S PID …` (captures/05, procstat_cs.c); other lines are skipped."""
    found: dict[int, Threads] = {}
    for line in text.split("\n"):
        match = _THREAD.fullmatch(line)
        if match is None:
            continue
        try:
            cpus = CpuList.parse(match["mask"]).cpus
        except BadValueError:
            continue
        threads = found.setdefault(int(match["pid"]), Threads())
        if vcpu := _VCPU.fullmatch(match["name"].rstrip()):
            threads.vcpus[int(vcpu[1])] = cpus
            threads.tids[int(vcpu[1])] = int(match["tid"])
        else:
            threads.cpus.update(cpus)
    return found
