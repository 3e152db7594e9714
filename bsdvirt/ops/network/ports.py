"""Whose interfaces are on a network, and how much of its addresses is in use."""

from __future__ import annotations

import ipaddress
from typing import Any

from bsdvirt.facts.ifconfig import Interface
from bsdvirt.guest.inventory import Inventory
from bsdvirt.kinds import kind_of
from bsdvirt.net.address import Address, reserved
from bsdvirt.net.uplink import member_of
from bsdvirt.rows.host import AddressUse, NetworkPort
from bsdvirt.spec.network import Network


def ports(
    name: str, network: Network, bridge: Interface | None, found: Inventory
) -> list[NetworkPort]:
    """Return the interfaces of guests on a network, then the other members of its bridge."""
    members = bridge.members if bridge else ()
    mine = [
        (kind_of(guest).port(guest.identity.id, number), guest.name, number, claim)
        for guest in found.guests.values()
        for number, claim in enumerate(guest.identity.nics)
        if claim.network == name
    ]
    rows = [
        NetworkPort(
            interface=port, member=port in members, guest=guest, nic=number,
            addresses=claim.addresses(), uplink=False, **_vlans(bridge, port),
        )
        for port, guest, number, claim in mine
    ]  # fmt: skip
    uplink = member_of(network)
    known = {row.interface for row in rows}
    return rows + [
        NetworkPort(
            interface=member, member=True, guest=None, nic=None, addresses=[],
            uplink=member == uplink, **_vlans(bridge, member),
        )
        for member in members
        if member not in known
    ]  # fmt: skip


def _vlans(bridge: Interface | None, member: str) -> dict[str, Any]:
    if bridge is None or not bridge.filters or member not in bridge.members:
        return {}
    untagged, tagged = bridge.vlans_of(member)
    return {"vlan": untagged or None, "tagged": tagged or None}


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
