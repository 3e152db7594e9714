"""What is asked about networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bsdvirt.rows.host import ExposeRow, InterfaceRow, NetworkRow
from bsdvirt.tui.feed.source import Query

if TYPE_CHECKING:
    from bsdvirt.session.session import Session


def _networks(session: Session) -> list[NetworkRow]:
    from bsdvirt.ops.network import takeover

    return takeover.rows(session)


def _exposed(session: Session) -> list[ExposeRow]:
    from bsdvirt.ops import expose

    return expose.rows(session)


def _interfaces(session: Session) -> list[InterfaceRow]:
    from bsdvirt.ops.network import interfaces

    return interfaces.rows(session)


NETWORKS = Query(("network", "ls"), list[NetworkRow], _networks)
EXPOSED = Query(("expose",), list[ExposeRow], _exposed)
INTERFACES = Query(("network", "interfaces"), list[InterfaceRow], _interfaces)
