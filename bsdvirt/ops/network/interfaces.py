"""The interfaces of the host that a network, or a jail, can use."""

from __future__ import annotations

from bsdvirt.facts.ifconfig import Interface, read_interfaces
from bsdvirt.layout import GROUP
from bsdvirt.rows.host import InterfaceRow
from bsdvirt.session.session import Session

BRIDGE = "bridge"
OF_GUESTS = frozenset({"epair", "tap", "lo", "pflog", "pfsync"})
"""Groups of interfaces that no network can use."""


def rows(session: Session) -> list[InterfaceRow]:
    """Return a row for each interface that is not bsdvirt's own, by name."""
    used: dict[str, list[str]] = {}
    for name, network in session.networks().items():
        for one in (network.uplink, network.bridge):
            if one:
                used.setdefault(str(one), []).append(name)
    found = read_interfaces(session.host).values()
    shown = [_row(one, used.get(one.name, [])) for one in found if _usable(one)]
    return sorted(shown, key=lambda row: row.name)


def _usable(one: Interface) -> bool:
    return GROUP not in one.groups and not OF_GUESTS & set(one.groups)


def _row(one: Interface, networks: list[str]) -> InterfaceRow:
    return InterfaceRow(
        name=one.name,
        up=one.up,
        bridge=BRIDGE in one.groups,
        addresses=list(one.addresses),
        mtu=one.mtu,
        networks=networks,
        description=one.description,
    )
