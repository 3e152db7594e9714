"""What the host and its running guests use, between two samples: for `stats` and `top`."""

from __future__ import annotations

from collections.abc import Collection

from bsdvirt.cpu.accounting import figures
from bsdvirt.ops.show.kept import Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.rows.guest import UsageRow
from bsdvirt.rows.usage import Figures, GuestFigures, Sample
from bsdvirt.session.session import Session

HINT = (
    "resource accounting is off: some columns are not known; put kern.racct.enable=1 in"
    " /boot/loader.conf and reboot"
)
AS_THEY_ARE = (
    "name", "kind", "jid", "pid", "cpus", "memory", "memory_limit", "virtual", "swap",
    "processes", "threads", "files", "used", "cputime", "uptime",
)  # fmt: skip
ROUNDED = {
    "cpu": "cpu", "read": "read", "write": "written", "reads": "reads", "writes": "writes",
    "net_in": "net_in", "net_out": "net_out", "packets_in": "packets_in",
    "packets_out": "packets_out",
}  # fmt: skip
"""Whole numbers in a row, by what they are in the figures."""
SHARES = ("cpu_of_set", "cpu_of_host")


class Watch:
    """A host whose usage is read again and again."""

    def __init__(self, session: Session, names: Collection[str] | None = None) -> None:
        self._session = session
        self._names = names
        self._kept = Kept()
        self._before = self.sample()

    def sample(self) -> Sample:
        """Read a sample, which no figures are made from."""
        return read_sample(self._session, kept=self._kept, names=self._names)

    def figures(self) -> Figures:
        """Return what was used since the last figures, or since the beginning."""
        after = self.sample()
        made = figures(self._before, after)
        self._before = after
        return made


def usage_rows(made: Figures) -> list[UsageRow]:
    """Return the rows of `stats`, the busiest first."""
    rows = [_row(guest) for guest in made.guests]
    return sorted(rows, key=lambda row: (-(row.cpu or 0), -(row.memory or 0), row.name))


def _row(guest: GuestFigures) -> UsageRow:
    fields = {name: getattr(guest, name) for name in AS_THEY_ARE}
    fields |= {name: _rounded(getattr(guest, of)) for name, of in ROUNDED.items()}
    fields |= {name: _rounded(getattr(guest, name), 1) for name in SHARES}
    return UsageRow(**fields)


def _rounded(value: float | None, digits: int | None = None) -> float | None:
    return None if value is None else round(value, digits)
