"""Which guests are to start at boot, and which run. Reads only."""

from __future__ import annotations

from typing import Any

from bsdvirt.facts.host import read_jails
from bsdvirt.guest.order import start_order
from bsdvirt.guest.state import read_states
from bsdvirt.session.session import Session


def status(session: Session) -> list[dict[str, Any]]:
    """A row a guest, in the order of the start; behind them those that start by hand."""
    found = session.inventory()
    states = read_states(session.host.fs, found, read_jails(session.host))
    order = start_order({name: guest.identity.boot for name, guest in found.guests.items()})
    first = [entry.name for entry in order.entries] + list(order.stuck)
    names = [*first, *(name for name in sorted(found.guests) if name not in first)]
    return [
        {
            "name": name,
            "starts": name in first,
            "auto": found.guests[name].identity.boot.auto,
            "order": found.guests[name].identity.boot.order,
            "after": list(map(str, found.guests[name].identity.boot.after)),
            "ready": found.guests[name].identity.boot.ready,
            "state": states.of(name),
        }
        for name in names
    ]
