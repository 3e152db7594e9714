"""What is asked about the host as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bsdvirt.rows.host import Finding
from bsdvirt.tui.feed.source import Query

if TYPE_CHECKING:
    from bsdvirt.session.session import Session


def _findings(session: Session) -> list[Finding]:
    # It loads most of what bsdvirt has.
    from bsdvirt.ops.doctor.examine import examine

    return examine(session)


FINDINGS = Query(("doctor",), list[Finding], _findings, fails=True, apart=True)
