"""Bridges that filter VLANs: their flag, the VLANs of their members, and the host's own vlan(4)
interface on them (if_bridge.c and ifbridge.c of 15). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bsdvirt.errors import HostError, UsageError
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.host import tools
from bsdvirt.net.uplink import ALL_VLANS, VLAN_HEADER, host_interface, make_vlan
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Command, InterfaceExists, Step, Undo
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic

BRIDGE = "bridge"
"""The group of bridges."""
LACKS = "this host's bridge(4) cannot filter VLANs"
SINCE = "FreeBSD has it since 15.0; vlan=TAG on a network of its own works everywhere"

Vlans = tuple[int, str]
"""The untagged VLAN of a port, 0 if none, and the tagged ones as ifconfig(8) shows them."""


def lacking(name: str) -> HostError:
    """Return the error of a host that cannot filter VLANs."""
    return HostError(f"network {name}: vlanfilter: {LACKS}", SINCE)


def check_member(name: str, index: int, nic: Nic, network: Network) -> None:
    """Raises UsageError if an interface on a bridge that filters is in no VLAN."""
    if nic.vlan is None and nic.tagged is None and network.vlan is None:
        raise UsageError(
            f"{name}: nics.{index}.vlan: network {nic.network} filters VLANs, and the interface is"
            " in none",
            "set its vlan or tagged, or the vlan of the network",
        )


def port_vlans(nic: Nic | None, network: Network) -> Vlans:
    """Return the VLANs of a guest's port."""
    if nic is None:
        return (network.vlan or 0, "")
    return (nic.vlan or network.vlan or 0, str(nic.tagged or ""))


def join_words(vlans: Vlans) -> tuple[str, ...]:
    """Return the words that follow a new member of a bridge."""
    untagged, tagged = vlans
    return (
        *(("untagged", str(untagged)) if untagged else ()),
        *(("tagged", tagged) if tagged else ()),
    )


def member_steps(bridge: str, member: str, have: Vlans, want: Vlans) -> Iterator[Step]:
    """Return the steps that give a member its VLANs."""
    if have[0] != want[0]:
        yield Step(
            Command(_untagged(bridge, member, want[0])),
            f"the VLAN of {member}: {want[0] or 'none'}",
            undo=(Undo(Command(_untagged(bridge, member, have[0])), InterfaceExists(member)),),
        )
    if have[1] != want[1]:
        yield Step(
            Command(_tagged(bridge, member, want[1])),
            f"the tagged VLANs of {member}: {want[1] or 'none'}",
            undo=(Undo(Command(_tagged(bridge, member, have[1])), InterfaceExists(member)),),
        )


def _untagged(bridge: str, member: str, vlan: int) -> tuple[str, ...]:
    if vlan:
        return (tools.IFCONFIG, bridge, "ifuntagged", member, str(vlan))
    return (tools.IFCONFIG, bridge, "-ifuntagged", member)


def _tagged(bridge: str, member: str, vlans: str) -> tuple[str, ...]:
    return (tools.IFCONFIG, bridge, "iftagged", member, vlans or "none")


def shown(vlans: Vlans) -> str:
    """Return the VLANs of a port in words."""
    untagged, tagged = vlans
    words = [f"VLAN {untagged}"] if untagged else []
    words += [f"tagged {tagged}"] if tagged else []
    return " and ".join(words) or "no VLAN"


def vlan_drift(port: str, bridge: Interface, nic: Nic, network: Network) -> Iterator[Drift]:
    """Return how the VLANs of a running guest's port differ from its nic's."""
    have, want = bridge.vlans_of(port), port_vlans(nic, network)
    if have != want:
        yield Drift(
            f"its interface {port} is in {shown(have)}, not in {shown(want)}",
            tuple(member_steps(bridge.name, port, have, want)),
            f"put {port} in {shown(want)}",
        )


def filter_steps(name: str, bridge: str, interfaces: Mapping[str, Interface]) -> Iterator[Step]:
    """Return the step that lets the bridge filter, before it has members. Raises HostError on a
    host whose bridges show no flags; without a bridge it is unknown."""
    bridges = [face.filters for face in interfaces.values() if BRIDGE in face.groups]
    if bridges and all(filters is None for filters in bridges):
        raise lacking(name)
    present = interfaces.get(bridge)
    if present is None or not present.filters:
        yield Step(Command((tools.IFCONFIG, bridge, "vlanfilter")), f"{bridge} filters VLANs")


def trunk_steps(
    name: str, network: Network, bridge: str, interfaces: Mapping[str, Interface]
) -> Iterator[Step]:
    """Return the steps that give a joined uplink its VLANs. Raises HostError if the uplink has
    vlan(4) interfaces: they would take every tagged frame before the bridge (bridge_input in
    if_bridge.c of 15)."""
    uplink = str(network.uplink)
    for face in interfaces.values():
        if face.parent == uplink:
            raise HostError(
                f"network {name}: {uplink} has the vlan(4) interface {face.name}, which takes its"
                " tagged frames before a bridge",
                f"ifconfig {face.name} destroy, or use another uplink",
            )
    present = interfaces.get(bridge)
    if present is not None and uplink in present.members:
        wanted = (0, str(network.tagged or ALL_VLANS))
        yield from member_steps(bridge, uplink, present.vlans_of(uplink), wanted)


def host_steps(
    name: str, network: Network, bridge: str, interfaces: Mapping[str, Interface]
) -> Iterator[Step]:
    """Return the steps that create the host's own interface on the bridge, for its addresses. Its
    MTU is smaller by a tag: a bridge has no VLAN_MTU (if_vlan.c)."""
    if not network.addresses:
        return
    ours = host_interface(network, bridge)
    present = interfaces.get(ours)
    if present is None or (present.vlan, present.parent) != (network.vlan, bridge):
        why = f"the host's own interface in VLAN {network.vlan}"
        yield from make_vlan(name, network, bridge, interfaces, why)
        return
    mtu = network.mtu - VLAN_HEADER
    if present.mtu != mtu:
        yield Step(
            Command((tools.IFCONFIG, ours, "mtu", str(mtu))),
            f"{ours} has the MTU that its bridge leaves",
            undo=(Undo(Command((tools.IFCONFIG, ours, "mtu", str(present.mtu)))),),
        )
    if not present.up:
        yield Step(Command((tools.IFCONFIG, ours, "up")), f"bring {ours} up")
