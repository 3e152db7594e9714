"""Settings of a bridge: its MTU with that of its members, and the host's addresses. Pure.

if_bridge(4) keeps the MTU of its members equal. Up to 13 the MTU of each member is set, and then
the bridge's; later the bridge's is set and its members follow, and a member's cannot be set
(if_bridge.c and if.c; captures/02 and 11). The version is not checked: the bridge is tried first,
then the members that differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.facts.ifconfig import Interface
from bsdvirt.host import tools
from bsdvirt.plan.step import Command, InterfaceExists, InterfaceMtu, Step, Undo


def mtu_steps(
    name: str, mtu: int, bridge: Interface, interfaces: Mapping[str, Interface]
) -> Iterator[Step]:
    """Set the MTU of an existing bridge and all its members."""
    members = [interfaces[member] for member in bridge.members if member in interfaces]
    others = [member for member in members if member.mtu != mtu]
    if bridge.mtu == mtu and not others:
        return
    why = f"the MTU of network {name}"
    back = Undo(_set(bridge.name, bridge.mtu), InterfaceExists(bridge.name))
    if not others:
        yield Step(_set(bridge.name, mtu), why, undo=(back,))
        return
    # A bridge whose members do not follow refuses here.
    yield Step(_set(bridge.name, mtu, ok=(0, 1)), f"{why}, if its members follow", undo=(back,))
    for member in others:
        yield Step(
            _set(member.name, mtu),
            f"{member.name} has the MTU of its network",
            # One that follows its bridge refuses, and follows.
            undo=(Undo(_set(member.name, member.mtu, ok=(0, 1)), InterfaceExists(member.name)),),
            unless=InterfaceMtu(member.name, mtu),
        )
    yield Step(_set(bridge.name, mtu), why, unless=InterfaceMtu(bridge.name, mtu))


def _set(interface: str, mtu: int, ok: tuple[int, ...] = (0,)) -> Command:
    return Command((tools.IFCONFIG, interface, "mtu", str(mtu)), ok=ok)


def add_address_step(interface: str, cidr: str) -> Step:
    """Give an address of the host to an interface."""
    drop = Command(_drop(interface, cidr), ok=(0, 1))
    return Step(
        Command(_add(interface, cidr)),
        f"the host's address {cidr} on {interface}",
        undo=(Undo(drop, InterfaceExists(interface)),),
    )


def remove_address_step(interface: str, cidr: str) -> Step:
    """Remove an address of the host from an interface."""
    return Step(
        Command(_drop(interface, cidr)),
        f"remove the host's address {cidr}",
        undo=(address_back(interface, cidr),),
    )


def address_back(interface: str, cidr: str) -> Undo:
    """Give an address back to an interface."""
    return Undo(Command(_add(interface, cidr)), InterfaceExists(interface))


def _add(interface: str, cidr: str) -> tuple[str, ...]:
    if ":" in cidr:
        return (tools.IFCONFIG, interface, "inet6", cidr, "alias", "-ifdisabled")
    return (tools.IFCONFIG, interface, "inet", cidr, "alias")


def _drop(interface: str, cidr: str) -> tuple[str, ...]:
    return (tools.IFCONFIG, interface, "inet6" if ":" in cidr else "inet", cidr, "-alias")
