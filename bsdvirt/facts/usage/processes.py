"""What the processes of jails and of virtual machines use: one ps(1) for all (captures/04, 07)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from bsdvirt.host import tools
from bsdvirt.host.base import Host

COLUMNS = ("jid", "pid", "nlwp", "rss", "vsz", "etimes", "time")
"""Numbers only: no name that a process may choose for itself is among them."""
KIB = 1024


class Used(Struct):
    """What some processes use together."""

    processes: int = 0
    threads: int = 0
    memory: int = 0
    """Bytes of resident memory; what processes share counts for each."""
    virtual: int = 0
    seconds: float = 0.0
    """CPU time, with that of children that they waited for."""
    uptime: int = 0
    """Seconds since the oldest started."""


def read_processes(host: Host, jids: Mapping[str, str], pids: Mapping[str, str]) -> dict[str, Used]:
    """Return what guests use, by name. `jids` and `pids` are the numbers of jails, and of processes
    of the host, as text, with the guest that each belongs to."""
    argv = (tools.PS, "-axS", "-o", ",".join(COLUMNS))
    return parse_processes(host.run(argv, changes=False).stdout, jids, pids)


def parse_processes(text: str, jids: Mapping[str, str], pids: Mapping[str, str]) -> dict[str, Used]:
    """Return what guests use, by name; a guest without a visible process is not among them."""
    found: dict[str, Used] = {}
    # A number is never empty and has no blank: seven words are a process.
    words = text.split()[len(COLUMNS) :]
    columns = (words[at :: len(COLUMNS)] for at in range(len(COLUMNS)))
    for jid, pid, threads, rss, vsz, age, time in zip(*columns, strict=False):
        name = jids.get(jid) if jid != "0" else pids.get(pid)
        if name is None:
            continue
        used = found.get(name)
        if used is None:
            used = found[name] = Used()
        try:
            numbers = int(threads), int(rss), int(vsz), int(age), cpu_seconds(time)
        except ValueError:
            # A process that ended meanwhile has `-` for some numbers.
            continue
        used.processes += 1
        used.threads += numbers[0]
        used.memory += numbers[1] * KIB
        used.virtual += numbers[2] * KIB
        used.uptime = max(used.uptime, numbers[3])
        used.seconds += numbers[4]
    return found


def cpu_seconds(text: str) -> float:
    """Return the seconds of ps(1)'s `time`, such as 61:07.25."""
    minutes, _, seconds = text.partition(":")
    return int(minutes) * 60 + float(seconds)
