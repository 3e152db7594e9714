"""Whose interfaces are on a network, and how much of its addresses is in use."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from bsdvirt.guest.inventory import Inventory
from bsdvirt.kinds import kind_of
from bsdvirt.net.address import Address, reserved
from bsdvirt.net.uplink import member_of
from bsdvirt.rows.host import AddressUse, BridgePort
from bsdvirt.spec.network import Network

Owner = tuple[str, int]
"""A guest, and the number of its interface."""


def owners(found: Inventory) -> dict[str, Owner]:
    """Return the guests' interfaces by their names on the host."""
    return {
        kind_of(guest).port(guest.identity.id, number): (name, number)
        for name, guest in found.guests.items()
        for number in range(max(len(guest.identity.nics), len(guest.identity.next or ())))
    }


def ports(
    network: Network, members: Iterable[str], owners: Mapping[str, Owner]
) -> list[BridgePort]:
    """Return the members of a network's bridge."""
    uplink = member_of(network)
    found = []
    for interface in members:
        guest, nic = owners.get(interface, (None, None))
        found.append(
            BridgePort(interface=interface, guest=guest, nic=nic, uplink=interface == uplink)
        )
    return found


def use(name: str, network: Network, found: Inventory) -> list[AddressUse]:
    """Return how much of each of a network's pools is in use."""
    taken = _taken(name, found)
    kept = reserved(network)
    rows = []
    for pool in network.pools:
        size = pool.total - sum(1 for one in kept if one in pool)
        used = sum(1 for one in taken - kept if one in pool)
        rows.append(AddressUse(pool=str(pool), size=size, used=used, free=size - used))
    return rows


def _taken(name: str, found: Inventory) -> set[Address]:
    """Return the addresses of guests on a network, those from their next start on included."""
    return {
        ipaddress.ip_interface(text).ip
        for guest in found.guests.values()
        for claim in (*guest.identity.nics, *(guest.identity.next or ()))
        if claim.network == name
        for text in claim.addresses()
    }
