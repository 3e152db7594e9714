"""The rows of `boot status`."""

from __future__ import annotations

from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.order import boots_of, start_order
from bsdvirt.guest.state import read_states
from bsdvirt.rows.guest import BootRow
from bsdvirt.session.session import Session


def status(session: Session) -> list[BootRow]:
    """Return a row for each guest, in the order of their start; then those that do not start."""
    found = session.inventory()
    states = read_states(session.host.fs, found, read_jails(session.host))
    boots = boots_of(found)
    order = start_order(boots)
    first = [entry.name for entry in order.entries] + list(order.stuck)
    names = [*first, *(name for name in sorted(boots) if name not in first)]
    return [
        BootRow(
            name=name,
            starts=name in first,
            auto=boots[name].auto,
            order=boots[name].order,
            after=list(map(str, boots[name].after)),
            ready=boots[name].ready,
            state=states.of(name),
        )
        for name in names
    ]
