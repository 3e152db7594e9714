"""The MTU of a bridge and its members, which if_bridge(4) keeps equal. Pure.

Up to 13 the MTU of each member is set, and then the bridge's; later the bridge's is set and its
members follow, and a member's cannot be set (if_bridge.c and if.c; captures/02 and 11). The version
is not checked: the bridge is tried first, then the members that differ.
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
