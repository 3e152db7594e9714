"""Bridges that filter VLANs: their flag, the VLANs of their members, and the host's own vlan(4)
interface on them (if_bridge.c and ifbridge.c of 15). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bsdvirt.errors import HostError, UsageError
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.host import tools
from bsdvirt.layout import GROUP, vlan_cloner, vlan_name
from bsdvirt.plan.step import Command, InterfaceExists, Step, Undo
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic

BRIDGE = "bridge"
"""The group of bridges."""
ALL = "1-4094"
"""What `tagged all` is shown as."""
TAG_BYTES = 4
"""What a vlan(4) interface on a bridge has less of MTU: a bridge lacks VLAN_MTU (if_vlan.c)."""
LACKS = "this host's bridge(4) cannot filter VLANs"
SINCE = "FreeBSD has it since 15.0; vlan=TAG on a network of its own works everywhere"

Vlans = tuple[int, str]
"""The untagged VLAN of a port, 0 if none, and the tagged ones as ifconfig(8) shows them."""


def refuse_unfiltered(name: str, network: Network, interfaces: Iterable[Interface]) -> None:
    """Raises HostError for a network with vlanfilter on a host whose bridges show no flags. Without
    a bridge it is unknown."""
    bridges = [face.filters for face in interfaces if BRIDGE in face.groups]
    if network.vlanfilter and bridges and all(filters is None for filters in bridges):
        raise lacking(name)


def lacking(name: str) -> HostError:
    """Return the error of a host that cannot filter VLANs."""
    return HostError(f"network {name}: vlanfilter: {LACKS}", SINCE)


def check_vlans(name: str, index: int, nic: Nic, network: Network) -> None:
    """Raises UsageError if the VLANs of an interface do not fit its network."""
    if not network.vlanfilter:
        for given in ("vlan", "tagged"):
            if getattr(nic, given) is not None:
                raise UsageError(
                    f"{name}: nics.{index}.{given}: network {nic.network} does not filter VLANs",
                    f"bsdvirt set {name} nics.{index}.{given}=, or use a network with vlanfilter",
                )
    elif nic.vlan is None and nic.tagged is None and network.vlan is None:
        raise UsageError(
            f"{name}: nics.{index}.vlan: network {nic.network} filters VLANs, and the interface is"
            " in none",
            "set its vlan or tagged, or the vlan of the network",
        )


def host_interface(network: Network, bridge: str) -> str:
    """Return the interface with the host's addresses."""
    return vlan_name(network.id) if network.vlanfilter else bridge


def uplink_vlans(network: Network) -> Vlans:
    return (0, str(network.tagged or ALL)) if network.vlanfilter else (0, "")


def port_vlans(nic: Nic | None, network: Network) -> Vlans:
    """Return the VLANs of a guest's port."""
    if not network.vlanfilter:
        return (0, "")
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
    words += [f"tagged {'all' if tagged == ALL else tagged}"] if tagged else []
    return " and ".join(words) or "no VLAN"


def filter_steps(network: Network, bridge: str, present: Interface | None) -> Iterator[Step]:
    """Return the step that lets the bridge filter, before it has members."""
    if network.vlanfilter and not (present is not None and present.filters):
        yield Step(Command((tools.IFCONFIG, bridge, "vlanfilter")), f"{bridge} filters VLANs")


def host_steps(
    name: str, network: Network, bridge: str, interfaces: Mapping[str, Interface]
) -> Iterator[Step]:
    """Return the steps that create the host's own interface on the bridge, for its addresses."""
    if not network.vlanfilter or not network.addresses:
        return
    ours, cloner = vlan_name(network.id), vlan_cloner(network.id)
    present = interfaces.get(ours)
    if present is not None and (present.vlan, present.parent) == (network.vlan, bridge):
        mtu = network.mtu - TAG_BYTES
        if present.mtu != mtu:
            yield Step(
                Command((tools.IFCONFIG, ours, "mtu", str(mtu))),
                f"{ours} has the MTU that its bridge leaves",
                undo=(Undo(Command((tools.IFCONFIG, ours, "mtu", str(present.mtu)))),),
            )
        if not present.up:
            yield Step(Command((tools.IFCONFIG, ours, "up")), f"bring {ours} up")
        return
    for left in (ours, cloner):
        if left in interfaces:
            gone = Command((tools.IFCONFIG, left, "destroy"))
            yield Step(gone, f"{left}, which is not what its network says")
    yield Step(
        Command(create_host(name, network, bridge)),
        f"the host's own interface in VLAN {network.vlan}",
        undo=tuple(
            Undo(Command((tools.IFCONFIG, made, "destroy")), InterfaceExists(made))
            for made in (ours, cloner)
        ),
    )


def create_host(name: str, network: Network, bridge: str) -> tuple[str, ...]:
    """Return the command that creates the host's interface on a bridge."""
    return (
        tools.IFCONFIG, vlan_cloner(network.id), "create",
        "vlan", str(network.vlan), "vlandev", bridge,
        "name", vlan_name(network.id), "descr", f"bsdvirt network {name}", "group", GROUP,
        "mtu", str(network.mtu - TAG_BYTES), "up",
    )  # fmt: skip


def refuse_trunk(name: str, network: Network, interfaces: Mapping[str, Interface]) -> None:
    """Raises HostError if the uplink has vlan(4) interfaces: they would take every tagged frame
    before the bridge (bridge_input in if_bridge.c of 15)."""
    if not network.vlanfilter or network.uplink is None:
        return
    for face in interfaces.values():
        if face.parent == network.uplink:
            raise HostError(
                f"network {name}: {network.uplink} has the vlan(4) interface {face.name}, which"
                " takes its tagged frames before a bridge",
                f"ifconfig {face.name} destroy, or use another uplink",
            )
