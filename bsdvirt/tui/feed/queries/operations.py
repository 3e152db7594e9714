"""What is asked about operations of the past."""

from __future__ import annotations

from bsdvirt.rows.events import Operation
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.source import Query

MOST = "500"


def _operations(session: Session) -> list[Operation]:
    from bsdvirt.ops.show.events import operations

    return operations(session, most=int(MOST))


OPERATIONS = Query(("events", "--lines", MOST), list[Operation], _operations)
