"""What the detail of a guest asks."""

from __future__ import annotations

from typing import Any

from bsdvirt.ops import expose
from bsdvirt.ops.show.log import log_part
from bsdvirt.rows.events import Operation
from bsdvirt.rows.guest import ForeignInfo
from bsdvirt.rows.host import ExposeRow
from bsdvirt.rows.jail import JailInfo, MountRow, ProcessRow
from bsdvirt.rows.log import LogPart
from bsdvirt.rows.snapshot import SnapshotRow
from bsdvirt.rows.vm import VmInfo
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.source import Query

EVENTS_KEPT = 200
"""Operations on a guest that are read."""
Info = JailInfo | VmInfo | ForeignInfo


def _info(session: Session, name: str) -> Any:
    from bsdvirt.ops.show.detail import detail

    return detail(session, name)


def _mounts(session: Session, name: str) -> list[MountRow]:
    from bsdvirt.ops import mounts

    return mounts.listed(session, name)


def _snapshots(session: Session, name: str) -> list[SnapshotRow]:
    from bsdvirt.ops.snapshots.listing import listed_of

    return listed_of(session, name)


def _processes(session: Session, name: str) -> list[ProcessRow]:
    from bsdvirt.ops import enter

    return enter.processes(session, name)


INFO: dict[str, Query[Any]] = {
    "jail": Query(("info",), JailInfo, _info),
    "vm": Query(("info",), VmInfo, _info),
    "foreign": Query(("info",), ForeignInfo, _info),
}
"""By kind of the subject: the rows differ."""
MOUNTS = Query(("mount",), list[MountRow], _mounts)
FORWARDS = Query(("expose",), list[ExposeRow], expose.rows)
SNAPSHOTS = Query(("snapshot", "ls"), list[SnapshotRow], _snapshots)
PROCESSES = Query(("ps",), list[ProcessRow], _processes)


def _log(session: Session, name: str, *options: str) -> LogPart:
    given = dict(option.split("=", 1) for option in options)
    lines = given.get("--lines")
    return log_part(
        session, name, lines=int(lines) if lines else None, after=given.get("--after", ""),
        before=given.get("--before", ""),
    )  # fmt: skip


LOG = Query(("logs",), LogPart, _log)
"""Its options are written --OPTION=VALUE."""


def _events(session: Session, name: str) -> list[Operation]:
    from bsdvirt.ops.show.events import chosen, operations

    return operations(session, chosen([name]), EVENTS_KEPT, [name])


EVENTS = Query(("events", "--lines", str(EVENTS_KEPT)), list[Operation], _events)
