"""Interfaces of the host that a jail has for itself: `vnet.interface` of jail(8).

They move into the jail's network stack with its making, and come back under their own names
with its end, without addresses (vnet_if_return and if_vmove in if.c of 13.2 and 15.1). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.layout import GROUP
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.network import Network

OWN_KINDS = ("bridge", "lo", "pflog", "pfsync", "enc", "tap", "epair")
"""Groups of interfaces that are no card and no VLAN of one."""


def check_passed(
    name: str,
    jail: Jail,
    networks: Mapping[str, Network],
    interfaces: Mapping[str, Interface],
) -> None:
    """Raises HostError and ConflictError for an interface that is not there, or that the host
    or a network needs."""
    for word in map(str, jail.interfaces):
        face = interfaces.get(word)
        if face is None:
            raise HostError(
                f"{name}: its interface {word} is not there",
                "ifconfig -l; another jail may have it: jls vnet.interface",
            )
        if GROUP in face.groups or any(kind in face.groups for kind in OWN_KINDS):
            raise ConflictError(
                f"{name}: {word} is no card and no VLAN of one", f"bsdvirt nic add {name}"
            )
        for network, one in networks.items():
            if str(one.uplink or "") == word:
                raise ConflictError(
                    f"{name}: {word} is the uplink of network {network}",
                    f"bsdvirt nic add {name} --network {network}",
                )
        for other in interfaces.values():
            if word in other.members:
                raise ConflictError(
                    f"{name}: {word} is a member of {other.name}",
                    f"ifconfig {other.name} deletem {word}",
                )
        if face.addresses:
            raise ConflictError(
                f"{name}: {word} has the host's address {face.addresses[0]}, which would be lost",
                f"name another, or take it off {word} (rc.conf, and ifconfig)",
            )
