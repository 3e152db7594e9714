"""What is asked about networks."""

from __future__ import annotations

from bsdvirt.ops import expose
from bsdvirt.ops.network import takeover
from bsdvirt.rows.host import ExposeRow, NetworkRow
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.source import Query


def _exposed(session: Session) -> list[ExposeRow]:
    return expose.rows(session)


NETWORKS = Query(("network", "ls"), list[NetworkRow], takeover.rows)
EXPOSED = Query(("expose",), list[ExposeRow], _exposed)
