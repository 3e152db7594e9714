"""The rows of `ls`, from two commands whatever the number of guests."""

from __future__ import annotations

from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import running_jail
from bsdvirt.guest.state import read_states
from bsdvirt.jail.facts.leases import leased

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from bsdvirt.facts.jls import JailFact
    from bsdvirt.guest.inventory import Foreign, Guest, Inventory
    from bsdvirt.host.fs import Fs
    from bsdvirt.rows.guest import GuestRow
    from bsdvirt.session.session import Session

UNITS = {"used": "bytes"}
"""The units of the fields: as rows/guest.py declares them."""


def entries(session: Session) -> tuple[list[GuestRow], Inventory]:
    """Return a row for each guest: one zfs list, one jls, no guest's file."""
    rows, found, _ = listing(session)
    return rows, found


def listing(session: Session) -> tuple[list[GuestRow], Inventory, Mapping[str, JailFact]]:
    """Return the same, with the jails that the kernel has."""
    from bsdvirt.host.ahead import begin
    from bsdvirt.rows.guest import GuestRow

    read = begin(lambda: read_jails(session.host))
    found = session.inventory(shallow=True)
    jails = read()
    return [GuestRow(**row) for row in fields_of(session.host.fs, found, jails)], found, jails


def fields_of(fs: Fs, found: Inventory, jails: Mapping[str, JailFact]) -> list[dict[str, Any]]:
    """Return the fields of each row, in the order of their declaration, by the guests' names."""
    states = read_states(fs, found, jails)
    rows = [
        _fields(fs, guest, states.of(name), jid_of(guest, jails))
        for name, guest in found.guests.items()
    ]
    rows += [_foreign_fields(one) for one in found.foreign.values()]
    return sorted(rows, key=lambda row: str(row["name"]))


def jid_of(guest: Guest, jails: Mapping[str, JailFact]) -> int | None:
    """Return the id of a running jail."""
    jail = running_jail(guest, jails)
    return jail.jid if jail else None


def _fields(fs: Fs, guest: Guest, state: str, jid: int | None) -> dict[str, Any]:
    identity = guest.identity
    return {
        **common(fs, guest, state, jid),
        "networks": list(dict.fromkeys(nic.network for nic in identity.nics)),
        "boot_order": identity.boot_order if identity.autostart else None,
        "root": guest.layout.dataset,
    }


def common(fs: Fs, guest: Guest, state: str, jid: int | None) -> dict[str, Any]:
    """Return the fields that `ls` and `info` share."""
    identity = guest.identity
    got = leased(fs, guest) if jid is not None else []
    return {
        "name": guest.name,
        "kind": identity.kind,
        "state": state,
        "id": identity.id,
        "jid": jid,
        "addresses": [*identity.addresses(), *got],
        "autostart": identity.autostart,
        "tags": list(identity.tags),
        "release": identity.release,
        "used": guest.used,
        "pool": guest.layout.dataset,
        **_replication(guest),
    }


def _foreign_fields(foreign: Foreign) -> dict[str, Any]:
    root = foreign.layout.dataset
    return {**foreign_common(foreign), "networks": [], "boot_order": None, "root": root}


def foreign_common(foreign: Foreign) -> dict[str, Any]:
    """Return the same fields for a foreign guest: none of its claims is in effect."""
    return {
        "name": foreign.name,
        "kind": foreign.told.kind if foreign.told else None,
        "state": "foreign",
        "id": None,
        "jid": None,
        "addresses": [],
        "autostart": False,
        "tags": [],
        "release": foreign.told.release if foreign.told else "",
        "used": foreign.datasets[0].used if foreign.datasets else 0,
        "pool": foreign.layout.dataset,
        **_replication(foreign),
    }


def _replication(guest: Guest | Foreign) -> dict[str, Any]:
    """Return the fields of a guest that is on several hosts; none for the others."""
    if not guest.datasets or not guest.datasets[0].replica:
        return {}
    # Imported here: few guests are on several hosts.
    from bsdvirt.ops.show.replicas import fields

    return fields(guest)
