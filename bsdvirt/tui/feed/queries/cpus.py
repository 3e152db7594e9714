"""What is asked about the host's CPUs."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from bsdvirt.host.base import Host
from bsdvirt.ops.show.cpus import Kept, read_cpu_map
from bsdvirt.rows.cpu import CpuMap
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.source import Query

_KEPT: WeakKeyDictionary[Host, Kept] = WeakKeyDictionary()
"""What does not change, of each host that is read in this process."""


def _map(session: Session) -> CpuMap:
    return read_cpu_map(session, _KEPT.setdefault(session.host, Kept()))


CPUS = Query(("cpu", "map"), CpuMap, _map)
