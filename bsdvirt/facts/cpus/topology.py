"""The kernel's own view of the host's CPUs: sysctl(8), the NUMA domains by cpuset(1).

kern.sched.topology_spec is the XML that sysctl_kern_sched_topology_spec() of sched_ule.c (13.2)
and sched_shim.c (15.1) prints; a kernel with another scheduler may not have it.
"""

from __future__ import annotations

import re

from msgspec import Struct, field

from bsdvirt.facts.host import parse_mask
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.digits import natural
from bsdvirt.spec.types import CpuList

SPEC = "kern.sched.topology_spec"
NAMES = (
    "hw.model", "hw.ncpu", "kern.smp.maxid", "kern.smp.threads_per_core", "kern.vm_guest",
    "vm.ndomains", SPEC,
)  # fmt: skip
"""The multi-line value comes last."""
MESSAGES = "/var/run/dmesg.boot"
MOST_BYTES = 4 << 20
"""Limit of the specification: that of 1024 CPUs is a tenth of it."""
MOST_DEPTH = 16
MOST_GROUPS = 8192
MOST_DOMAINS = 64
_TOKEN = re.compile(
    r'<group level="\d{1,3}" cache-level="(?P<cache>\d{1,3})">'
    r"|(?P<end></group>)"
    r'|<cpu count="\d{1,5}" mask="[0-9a-f,]*">(?P<cpus>[0-9, ]*)</cpu>'
    r'|<flag name="(?P<flag>[A-Z]{1,16})">'
)
_PACKAGES = re.compile(
    r"^FreeBSD/SMP(?: Online)?: (?:(?P<packages>\d{1,4}) package\(s\)|Non-uniform topology)",
    re.MULTILINE | re.ASCII,
)


class Group(Struct):
    """A group of the scheduler's tree: CPUs that share a cache, or more than one such group."""

    cache: int
    """Level of the cache that they share; 0 for none."""
    cpus: tuple[int, ...] = ()
    flags: set[str] = field(default_factory=set)
    children: list[Group] = field(default_factory=list)


class TopologyFacts(Struct, frozen=True):
    """What the kernel says of the host's CPUs."""

    count: int
    """Number of CPUs that it runs on (hw.ncpu)."""
    last: int
    """Highest CPU number (kern.smp.maxid)."""
    threads: int
    """Threads per core (kern.smp.threads_per_core)."""
    model: str = ""
    hypervisor: str | None = None
    packages: int | None = None
    """Number of packages; None if they differ, or the boot messages are gone."""
    top: Group | None = None
    """The scheduler's tree; None if the kernel does not print it."""
    domains: tuple[tuple[int, ...], ...] = ()
    """CPUs of each NUMA domain, by its number; empty if there is one domain."""


def read_topology(host: Host) -> TopologyFacts:
    """Return what the kernel says: one command, and one for each NUMA domain if there are more."""
    values = _values(host.run((tools.SYSCTL, *NAMES), changes=False).stdout)
    count = natural(values.get("hw.ncpu", "")) or 1
    guest = values.get("kern.vm_guest", "none")
    domains = min(natural(values.get("vm.ndomains", "")) or 1, MOST_DOMAINS)
    return TopologyFacts(
        count=count,
        last=natural(values.get("kern.smp.maxid", "")) or count - 1,
        threads=natural(values.get("kern.smp.threads_per_core", "")) or 1,
        model=values.get("hw.model", ""),
        hypervisor=None if guest in ("none", "") else guest,
        packages=parse_packages(_messages(host)),
        top=parse_spec(values.get(SPEC, "")),
        domains=tuple(_domain(host, number) for number in range(domains)) if domains > 1 else (),
    )


def _messages(host: Host) -> str:
    """Return the boot messages; rc(8) lets root alone read them."""
    try:
        return host.fs.read_or(MESSAGES)
    except (OSError, ValueError):
        return ""


def _values(shown: str) -> dict[str, str]:
    """Return the values of NAMES; the last one may have several lines."""
    head, colon, spec = shown.partition(f"{SPEC}: ")
    pairs = (line.partition(": ") for line in head.split("\n"))
    found = {name: value.strip() for name, _, value in pairs if name in NAMES}
    return found | {SPEC: spec} if colon else found


def _domain(host: Host, number: int) -> tuple[int, ...]:
    """Return the CPUs of a NUMA domain; none of a domain with memory only."""
    shown = host.run((tools.CPUSET, "-g", "-d", str(number)), changes=False)
    try:
        return parse_mask(shown.stdout).cpus if shown.status == 0 else ()
    except (BadValueError, IndexError):
        return ()


def parse_packages(messages: str) -> int | None:
    """Return the number of packages in the kernel's last line about them; None if it says that
    the packages differ, or there is no such line (cpu_mp_announce() in mp_x86.c)."""
    found = None
    for match in _PACKAGES.finditer(messages):
        found = natural(match["packages"] or "")
    return found


def parse_spec(text: str) -> Group | None:
    """Return the tree of groups; None if the text is not what the kernel prints."""
    if len(text) > MOST_BYTES:
        return None
    top: Group | None = None
    open_groups: list[Group] = []
    groups = 0
    for token in _TOKEN.finditer(text):
        if token["cache"] is not None:
            group = Group(int(token["cache"]))
            groups += 1
            if groups > MOST_GROUPS or len(open_groups) == MOST_DEPTH:
                return None
            if open_groups:
                open_groups[-1].children.append(group)
            elif top is not None:
                return None
            top = top or group
            open_groups.append(group)
        elif not open_groups:
            return None
        elif token["end"]:
            open_groups.pop()
        elif token["flag"]:
            open_groups[-1].flags.add(token["flag"])
        else:
            open_groups[-1].cpus = _numbers(token["cpus"])
    return top if top is not None and not open_groups and top.cpus else None


def _numbers(text: str) -> tuple[int, ...]:
    """Return the CPU numbers of `0, 1, 2`."""
    numbers = {natural(word.strip()) for word in text.split(",")}
    return tuple(sorted(n for n in numbers if n is not None and n <= CpuList.highest))
