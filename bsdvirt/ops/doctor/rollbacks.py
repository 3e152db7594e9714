"""Guests whose datasets are of different times: a rollback was cut short, and set aside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bsdvirt.errors import HostError
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.guest.snapshots.rollback import VERB, not_rolled_back, target_of
from bsdvirt.plan import journal
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session


def findings(session: Session, found: Inventory) -> Iterator[Finding]:
    """The mark of the operation is still on the guest until another rollback has ended."""
    marked = {
        guest.datasets[0].op: guest
        for guest in found.guests.values()
        if guest.datasets and guest.datasets[0].op
    }
    if not marked:
        return
    for layout in found.layouts:
        for path in journal.aside(session.host.fs, layout.state):
            with contextlib.suppress(HostError):
                entry = journal.read(session.host.fs, path)
                guest = marked.get(entry.plan.op) if entry is not None else None
                if entry is not None and guest is not None and entry.plan.verb == VERB:
                    yield _finding(guest, entry)


def _finding(guest: Guest, entry: journal.Entry) -> Finding:
    snapshot = target_of(entry.plan)
    left = not_rolled_back(entry.plan, entry.done) if entry.committed else []
    what = f": {', '.join(left)} may still be as before" if left else ""
    return Finding(
        guest.name,
        f"its rollback to {snapshot} was cut short and set aside{what}",
        f"bsdvirt rollback {guest.name}@{snapshot}",
    )
