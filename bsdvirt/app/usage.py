"""What running guests use now: one jls, and rctl -u for each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bsdvirt.app.session import Session
from bsdvirt.errors import HostError
from bsdvirt.host import tools
from bsdvirt.host.facts import read_jails, read_kernel
from bsdvirt.host.parse.rctl import parse_usage
from bsdvirt.jail.clean import subject
from bsdvirt.store.guests import running_jail

FIELDS = {
    "cpu": "pcpu", "memory": "memoryuse", "virtual": "vmemoryuse", "swap": "swapuse",
    "processes": "maxproc", "threads": "nthr", "files": "openfiles", "read": "readbps",
    "write": "writebps", "cputime": "cputime", "uptime": "wallclock",
}  # fmt: skip
"""Our words for rctl(8)'s resources."""


def usage(session: Session, names: Collection[str] | None = None) -> list[dict[str, Any]]:
    """A row for each running guest (of those named), the busiest first.

    Raises HostError where the kernel does not account for resources.
    """
    found = session.inventory()
    jails = read_jails(session.host)
    rows: list[dict[str, Any]] = []
    for name in sorted(found.guests if names is None else names):
        jail = running_jail(found.guest(name), jails)
        if jail is None:
            continue
        shown = session.host.run((tools.RCTL, "-u", subject(name)), changes=False)
        if shown.status != 0 and not read_kernel(session.host).racct:
            raise HostError(
                "usage needs resource accounting, which is off",
                "put kern.racct.enable=1 in /boot/loader.conf and reboot",
            )
        values = parse_usage(shown.check().stdout)
        rows.append(
            {"name": name, "jid": jail.jid} | {k: values.get(v, 0) for k, v in FIELDS.items()}
        )
    return sorted(rows, key=lambda row: (-row["cpu"], -row["memory"], row["name"]))
