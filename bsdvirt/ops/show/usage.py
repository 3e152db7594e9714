"""The rows of `stats`: one jls, rctl -u for each guest, and bhyvectl for virtual machines."""

from __future__ import annotations

from collections.abc import Collection

from bsdvirt.errors import HostError
from bsdvirt.facts.host import read_kernel
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.rctl import parse_usage
from bsdvirt.host import tools
from bsdvirt.kinds import kind_of
from bsdvirt.rows.guest import UsageRow
from bsdvirt.session.session import Session

FIELDS = {
    "cpu": "pcpu", "memory": "memoryuse", "virtual": "vmemoryuse", "swap": "swapuse",
    "processes": "maxproc", "threads": "nthr", "files": "openfiles", "read": "readbps",
    "write": "writebps", "cputime": "cputime", "uptime": "wallclock",
}  # fmt: skip
"""The resource of rctl(8) behind each field."""


def usage(session: Session, names: Collection[str] | None = None) -> list[UsageRow]:
    """Return a row for each running guest, or each of those named; the busiest first.

    Raises HostError if resource accounting is off.
    """
    found = session.inventory()
    jails = read_jails(session.host)
    rows: list[UsageRow] = []
    for name in sorted(found.guests if names is None else names):
        guest = found.guest(name)
        used = kind_of(guest).usage(session.host, guest, jails)
        if used is None:
            continue
        shown = session.host.run((tools.RCTL, "-u", used.subject), changes=False)
        if shown.status != 0 and not read_kernel(session.host).racct:
            raise HostError(
                "usage needs resource accounting, which is off",
                "put kern.racct.enable=1 in /boot/loader.conf and reboot",
            )
        values = parse_usage(shown.check().stdout)
        row = {k: values.get(v, 0) for k, v in FIELDS.items()}
        row["memory"] += used.memory
        rows.append(UsageRow(name=name, jid=used.jid, pid=used.pid, **row))
    return sorted(rows, key=lambda row: (-row.cpu, -row.memory, row.name))
