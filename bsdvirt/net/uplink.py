"""The uplink of a network's bridge: an interface of the host, or a vlan(4) interface of bsdvirt on
one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.host import tools
from bsdvirt.layout import GROUP, vlan_cloner, vlan_name
from bsdvirt.net.settings import address_back
from bsdvirt.plan.step import Command, InterfaceExists, Not, Step, Undo
from bsdvirt.spec.network import Network

VLAN_HEADER = 4
"""Size of a VLAN tag in bytes; without VLAN_MTU it reduces the MTU (if_vlan.c)."""

ALL_VLANS = "1-4094"
"""What ifconfig(8) shows for `tagged all`."""

Interfaces = Mapping[str, Interface]


def member_of(network: Network) -> str | None:
    """Return the bridge member for the uplink; None without an uplink."""
    if network.uplink is None:
        return None
    return vlan_name(network.id) if is_tagged(network) else str(network.uplink)


def host_interface(network: Network, bridge: str) -> str:
    """Return the interface with the host's addresses: where the bridge filters VLANs, a vlan(4)
    interface on it."""
    return vlan_name(network.id) if network.vlanfilter else bridge


def is_tagged(network: Network) -> bool:
    """Whether the bridge member is a vlan(4) interface on the uplink."""
    return network.vlan is not None and not network.vlanfilter


def refuse_shared(name: str, network: Network, others: Mapping[str, Network]) -> None:
    """Raises ConflictError if another network uses the uplink in a way that excludes this one. A
    bridge takes every frame of its member, tagged or not, before vlan(4) sees it
    (ether_input_internal in if_ethersubr.c)."""
    for other, theirs in others.items():
        if other == name or theirs.uplink is None or theirs.uplink != network.uplink:
            continue
        if is_tagged(theirs) == is_tagged(network) and (
            theirs.vlan == network.vlan or not is_tagged(network)
        ):
            tag = f" with VLAN {network.vlan}" if is_tagged(network) else ""
            raise ConflictError(
                f"network {name}: {network.uplink}{tag} is the uplink of network {other}",
                "use that network, or another VLAN",
            )
        if not (is_tagged(theirs) and is_tagged(network)):
            raise ConflictError(
                f"network {name}: {network.uplink} is the uplink of network {other}, and a bridge"
                " takes tagged frames before vlan(4) sees them",
                "give each network its own VLAN",
            )


def join_steps(name: str, network: Network, bridge: str, interfaces: Interfaces) -> Iterator[Step]:
    """Return the steps that create the uplink and add it to the bridge. Raises HostError if the
    uplink is missing, has an address although it is to be a member itself, or its MTU is too small
    for the network."""
    member = member_of(network)
    if member is None:
        return
    uplink = str(network.uplink)
    card = interfaces.get(uplink)
    if card is None:
        raise HostError(f"network {name}: its uplink {uplink} does not exist", "ifconfig -l")
    present = interfaces.get(bridge)
    joined = present is not None and member in present.members
    if not is_tagged(network):
        yield from _card_steps(name, network, card, joined)
    elif not card.up:
        yield _up(card)
    if is_tagged(network):
        yield from _vlan_steps(name, network, card, bridge, interfaces)
    if not joined or _is_stale(network, interfaces):
        yield _join(bridge, member, _trunk(network))


def leave_steps(network: Network, bridge: str, interfaces: Interfaces, name: str) -> Iterator[Step]:
    """Remove the uplink from the bridge, and destroy bsdvirt's vlan(4) interface."""
    member = member_of(network)
    present = interfaces.get(bridge)
    if member is not None and present is not None and member in present.members:
        joins = (tools.IFCONFIG, bridge, "addm", member)
        yield Step(
            Command((tools.IFCONFIG, bridge, "deletem", member)),
            f"{member} leaves {bridge}",
            undo=(Undo(Command((*joins, *_trunk(network)), ok=(0, 1))),),
        )
    if network.vlan is not None and vlan_name(network.id) in interfaces:
        yield Step(
            Command((tools.IFCONFIG, vlan_name(network.id), "destroy")),
            f"its interface with VLAN {network.vlan}",
            undo=(
                Undo(
                    Command(create_vlan(name, network, bridge)),
                    Not(InterfaceExists(vlan_name(network.id))),
                ),
                *(
                    address_back(vlan_name(network.id), text)
                    for text in interfaces[vlan_name(network.id)].addresses
                ),
            ),
            unless=Not(InterfaceExists(vlan_name(network.id))),
        )


def _card_steps(name: str, network: Network, card: Interface, joined: bool) -> Iterator[Step]:
    """Return the steps for an interface; the MTU of a member is set by its bridge."""
    if card.addresses:
        raise HostError(
            f"network {name}: its uplink {card.name} has the address {card.addresses[0]};"
            " a member of a bridge must have none",
            f"bsdvirt network create NET --uplink {card.name} --take-address moves it to the"
            " bridge",
        )
    if card.mtu != network.mtu and not joined:
        yield Step(
            Command((tools.IFCONFIG, card.name, "mtu", str(network.mtu))),
            f"{card.name} has the MTU of its network",
            undo=(Undo(Command((tools.IFCONFIG, card.name, "mtu", str(card.mtu)))),),
        )
    if not card.up:
        yield _up(card)


def _up(card: Interface) -> Step:
    return Step(
        Command((tools.IFCONFIG, card.name, "up")),
        f"bring {card.name} up",
        undo=(Undo(Command((tools.IFCONFIG, card.name, "down"))),),
    )


def _is_stale(network: Network, interfaces: Interfaces) -> bool:
    """Whether a vlan(4) interface of bsdvirt exists with other settings than the network's."""
    vlan = interfaces.get(vlan_name(network.id)) if is_tagged(network) else None
    return vlan is not None and (vlan.vlan, vlan.parent) != (network.vlan, network.uplink)


def _vlan_steps(
    name: str, network: Network, card: Interface, bridge: str, interfaces: Interfaces
) -> Iterator[Step]:
    room = card.mtu if "VLAN_MTU" in card.options else card.mtu - VLAN_HEADER
    if network.mtu > room:
        raise HostError(
            f"network {name}: MTU {network.mtu} does not fit through {card.name}, which leaves"
            f" {room} for VLAN {network.vlan}",
            f"bsdvirt network set {name} mtu={room}, or set it at creation; or give"
            f" {card.name} a larger one (rc.conf, and ifconfig)",
        )
    ours = vlan_name(network.id)
    present = interfaces.get(ours)
    if present is None or _is_stale(network, interfaces):
        yield from make_vlan(
            name, network, bridge, interfaces, f"VLAN {network.vlan} of {card.name}"
        )
        return
    joined = bridge in interfaces and ours in interfaces[bridge].members
    if present.mtu != network.mtu and not joined:
        yield Step(
            Command((tools.IFCONFIG, ours, "mtu", str(network.mtu))),
            f"{ours} has the MTU of its network",
            undo=(Undo(Command((tools.IFCONFIG, ours, "mtu", str(present.mtu)))),),
        )
    if not present.up:
        yield _up(present)


def make_vlan(
    name: str, network: Network, bridge: str, interfaces: Interfaces, why: str
) -> Iterator[Step]:
    """Create the network's vlan(4) interface, in place of one with other settings."""
    ours, cloner = vlan_name(network.id), vlan_cloner(network.id)
    for left in (ours, cloner):
        if left in interfaces:
            gone = Command((tools.IFCONFIG, left, "destroy"))
            yield Step(gone, f"{left}, which is not what its network says")
    yield Step(
        Command(create_vlan(name, network, bridge)),
        why,
        undo=tuple(
            Undo(Command((tools.IFCONFIG, made, "destroy")), InterfaceExists(made))
            for made in (ours, cloner)
        ),
    )


def create_vlan(name: str, network: Network, bridge: str) -> tuple[str, ...]:
    """Return the command that creates the network's vlan(4) interface: on its uplink, or, with
    vlanfilter, the host's own on its bridge."""
    parent, mtu = str(network.uplink), network.mtu
    if network.vlanfilter:
        parent, mtu = bridge, network.mtu - VLAN_HEADER
    return (
        tools.IFCONFIG, vlan_cloner(network.id), "create",
        "vlan", str(network.vlan), "vlandev", parent,
        "name", vlan_name(network.id), "descr", f"bsdvirt network {name}", "group", GROUP,
        "mtu", str(mtu), "up",
    )  # fmt: skip


def _trunk(network: Network) -> tuple[str, ...]:
    """Return the VLANs of a trunk, as words after a new member."""
    return ("tagged", str(network.tagged or ALL_VLANS)) if network.vlanfilter else ()


def _join(bridge: str, member: str, words: tuple[str, ...]) -> Step:
    return Step(
        Command((tools.IFCONFIG, bridge, "addm", member, *words)),
        f"join {member} to {bridge}",
        undo=(
            Undo(
                Command((tools.IFCONFIG, bridge, "deletem", member), ok=(0, 1)),
                InterfaceExists(bridge),
            ),
        ),
    )
