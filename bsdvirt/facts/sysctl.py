"""sysctl(8)."""

from __future__ import annotations

from bsdvirt.host import tools
from bsdvirt.host.base import Host


def read_sysctl(host: Host, *names: str) -> dict[str, str]:
    """Return the values of existing sysctls."""
    shown = host.run((tools.SYSCTL, *names), changes=False).stdout
    pairs = (line.split(":", 1) for line in shown.splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}
