"""What is asked about the host's CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from bsdvirt.host.base import Host
from bsdvirt.rows.cpu import CpuMap
from bsdvirt.tui.feed.source import Query

if TYPE_CHECKING:
    from bsdvirt.ops.show.cpus import Kept
    from bsdvirt.session.session import Session

_KEPT: WeakKeyDictionary[Host, Kept] = WeakKeyDictionary()
"""What does not change, of each host that is read in this process."""


def _map(session: Session) -> CpuMap:
    from bsdvirt.ops.show.cpus import Kept, read_cpu_map

    return read_cpu_map(session, _KEPT.setdefault(session.host, Kept()))


CPUS = Query(("cpu", "map"), CpuMap, _map)
