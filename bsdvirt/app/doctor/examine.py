"""Everything that is to be said of this host. Changes nothing."""

from __future__ import annotations

from bsdvirt.app import mending
from bsdvirt.app.doctor import datasets, guests, host, networks, orphans, pf, roots, running, vms
from bsdvirt.app.doctor.seen import look
from bsdvirt.app.findings import Finding
from bsdvirt.app.session import Session


def examine(session: Session) -> list[Finding]:
    """The findings, those of roots and of files that cannot be read first."""
    seen = look(session)
    return [
        *roots.findings(seen.found),
        *datasets.findings(session, seen),
        *seen.unread,
        *mending.findings(session),
        *roots.pools(session, seen.found),
        *roots.closed(session, seen.found),
        *host.findings(session, seen),
        *networks.findings(seen),
        *networks.unconfirmed(session),
        *pf.findings(session, seen),
        *guests.findings(session, seen),
        *running.findings(session, seen),
        *vms.findings(session, seen),
        *orphans.findings(session, seen),
        *orphans.foreign(seen.found),
        *orphans.strays(seen.found),
    ]
