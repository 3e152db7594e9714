"""What the host as a whole uses: sysctls, and swapinfo(8) (captures/01-host)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural

HOST_SYSCTLS = (
    "hw.ncpu", "hw.physmem", "hw.pagesize", "kern.boottime", "kern.cp_time", "kern.cp_times",
    "kern.hostname", "kern.osrelease", "kern.racct.enable", "vm.loadavg",
    "vm.stats.vm.v_free_count", "vm.stats.vm.v_inactive_count", "kstat.zfs.misc.arcstats.size",
)  # fmt: skip
STATES = 5
"""Of a CPU, in ticks: user, nice, system, interrupt, idle."""
MOST_BYTES = 256 << 10
"""Of arguments of one command: half of what FreeBSD takes."""
_SECONDS = re.compile(r"sec = (\d+)", re.ASCII)


def read_sysctls(host: Host, names: Sequence[str]) -> dict[str, str]:
    """Return the values of existing sysctls: one command, or more where the names are too long for
    one."""
    found: dict[str, str] = {}
    for some in _portions(names):
        shown = host.run((tools.SYSCTL, *some), changes=False).stdout
        for line in shown.split("\n"):
            name, colon, value = line.partition(": ")
            if colon:
                found[name] = value
    return found


def _portions(names: Iterable[str]) -> Iterator[list[str]]:
    some: list[str] = []
    size = 0
    for name in names:
        if size + len(name) > MOST_BYTES:
            yield some
            some, size = [], 0
        some.append(name)
        # The kernel has a pointer and a NUL beside each.
        size += len(name) + 9
    if some:
        yield some


def ticks(text: str) -> list[tuple[int, int]]:
    """Return the busy ticks and all ticks of each CPU, by kern.cp_times, or of all together, by
    kern.cp_time. A CPU that is not there has none."""
    numbers = [natural(word) or 0 for word in text.split()]
    portions = (numbers[at : at + STATES] for at in range(0, len(numbers) - STATES + 1, STATES))
    return [(sum(portion) - portion[-1], sum(portion)) for portion in portions]


def load(text: str) -> list[float] | None:
    """Return the averages of vm.loadavg, such as `{ 0.61 0.65 0.34 }`."""
    try:
        return [float(word) for word in text.strip("{} ").split()] or None
    except ValueError:
        return None


def booted(text: str) -> int | None:
    """Return the time of kern.boottime, such as `{ sec = 1790000000, usec = 0 } Fri …`."""
    found = _SECONDS.search(text)
    return int(found[1]) if found else None


def number(shown: Mapping[str, str], name: str) -> int | None:
    """Return a sysctl that is a number."""
    return natural(shown.get(name, ""))


def memory_in_use(shown: Mapping[str, str]) -> int | None:
    """Return the bytes of memory that are neither free, inactive, nor ZFS's cache."""
    total, page = number(shown, "hw.physmem"), number(shown, "hw.pagesize")
    free = number(shown, "vm.stats.vm.v_free_count")
    inactive = number(shown, "vm.stats.vm.v_inactive_count")
    if total is None or page is None or free is None or inactive is None:
        return None
    arc = number(shown, "kstat.zfs.misc.arcstats.size") or 0
    return max(0, total - (free + inactive) * page - arc)


def read_swap(host: Host) -> tuple[int, int] | None:
    """Return the bytes of swap space, and of them in use; None if swapinfo(8) fails."""
    shown = host.run((tools.SWAPINFO, "-k"), changes=False)
    return parse_swap(shown.stdout) if shown.status == 0 else None


def parse_swap(text: str) -> tuple[int, int]:
    """Return the sums of the devices' lines. Behind several stands a line with their total."""
    size = used = 0
    for line in text.split("\n")[1:]:
        words = line.split()
        if len(words) == STATES and words[0].startswith("/dev/"):
            size += (natural(words[1]) or 0) * 1024
            used += (natural(words[2]) or 0) * 1024
    return size, used
