"""sysctl(8) and sysrc(8): the variables of the kernel, and of rc.conf(5)."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.host.base import Host

FORWARDING = {4: "net.inet.ip.forwarding", 6: "net.inet6.ip6.forwarding"}
KERNEL = (
    "kern.osrelease",
    "hw.ncpu",
    "kern.racct.enable",
    "kern.features.vimage",
    "security.jail.meta_maxbufsize",
    *FORWARDING.values(),
)
"""What a start depends on, by one command: of the kernel, and whether it forwards."""
KERNEL_LOOK = (tools.SYSCTL, *KERNEL)


def read_sysctl(host: Host, *names: str) -> dict[str, str]:
    """Return the values of existing sysctls."""
    shown = host.run((tools.SYSCTL, *names), changes=False).stdout
    pairs = (line.split(":", 1) for line in shown.splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}


def read_sysrc(host: Host, *names: str) -> dict[str, str]:
    """Return the values of these variables of rc.conf(5), or their defaults, by one command.
    Without those that have neither: it prints the others, and fails."""
    shown = host.run((tools.SYSRC, "-i", *names), changes=False).stdout
    found: dict[str, str] = {}
    current = ""
    for line in shown.splitlines():
        name, separator, value = line.partition(": ")
        if separator and name in names:
            current, found[name] = name, value
        elif current:
            # A value may have several lines.
            found[current] += f"\n{line}"
    return {name: value.strip() for name, value in found.items()}
