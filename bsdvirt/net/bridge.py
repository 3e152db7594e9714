"""Plans for networks: create, bring up and destroy a bridge. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.host import tools
from bsdvirt.layout import (
    GROUP,
    NETWORK_DIRECTORY,
    bridge_cloner,
    bridge_name,
    network_file,
    vlan_name,
)
from bsdvirt.net.settings import add_address_step, mtu_steps
from bsdvirt.net.uplink import Interfaces, host_interface, join_steps, leave_steps, member_of
from bsdvirt.plan.step import (
    AwaitAddresses,
    Command,
    FileExists,
    InterfaceExists,
    MakeDirectory,
    Not,
    Plan,
    RemoveFile,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.load import dump
from bsdvirt.spec.network import Network

DEFAULT_MTU = 1500
DESCR = f"{GROUP} network "
"""Begins the description of a network's interfaces."""


def bridge_of(network: Network) -> str:
    """Return the bridge of a network."""
    return str(network.bridge) if network.bridge else bridge_name(network.id)


def owns_bridge(network: Network) -> bool:
    return network.bridge is None


def up_steps(name: str, network: Network, interfaces: Interfaces) -> tuple[Step, ...]:
    """Return the steps that the network's bridge still needs. Raises HostError if an uplink or an
    existing bridge is missing, or an uplink has an address, which belongs on the bridge."""
    bridge = bridge_of(network)
    if not owns_bridge(network):
        _check_foreign(name, network, interfaces.get(bridge))
        return ()
    steps: list[Step] = []
    present = interfaces.get(bridge)
    if other := _others(name, present):
        raise HostError(
            f"network {name}: its bridge {bridge} is network {other}'s: both have the id"
            f" {network.id}",
            f"bsdvirt network destroy {name}, or give it another id in {network_file(name)}",
        )
    if present is None:
        if (nameless := bridge_cloner(network.id)) in interfaces:
            argv = (tools.IFCONFIG, nameless, "destroy")
            steps.append(Step(Command(argv), "what an interrupted start left"))
        steps.append(_create_bridge(name, network))
    if network.vlanfilter:
        # Imported here: few networks are of that kind.
        from bsdvirt.net.vlans import filter_steps, host_steps, trunk_steps

        steps += filter_steps(name, bridge, interfaces)
    steps += join_steps(name, network, bridge, interfaces)
    if present is not None:
        steps += mtu_steps(name, network.mtu, present, interfaces)
    if network.vlanfilter:
        steps += trunk_steps(name, network, bridge, interfaces)
        steps += host_steps(name, network, bridge, interfaces)
    host = host_interface(network, bridge)
    addressed = interfaces.get(host)
    have = addressed.addresses if addressed else ()
    for cidr in network.addresses:
        if str(cidr) not in have:
            steps.append(add_address_step(host, str(cidr)))
    if present is None or not present.up:
        steps.append(Step(Command((tools.IFCONFIG, bridge, "up")), f"bring {bridge} up"))
    fresh = tuple(a for a in map(str, network.addresses) if a not in have and ":" in a)
    if fresh:
        steps.append(Step(AwaitAddresses(host, fresh), "until they can be used"))
    return tuple(steps)


def plan_up(name: str, network: Network, interfaces: Interfaces, op: str) -> Plan:
    """Bring the network up; no steps if it is up."""
    steps = up_steps(name, network, interfaces)
    return Plan("up", name, "network", steps, op=op, reason="already up")


def plan_create(
    name: str, network: Network, interfaces: Interfaces, op: str, more: Sequence[Step] = ()
) -> Plan:
    """Write the network's file and bring it up; `more` are the steps for NAT."""
    path = network_file(name)
    steps = (
        Step(
            MakeDirectory(NETWORK_DIRECTORY),
            "the directory of networks",
            unless=FileExists(NETWORK_DIRECTORY),
        ),
        Step(
            WriteFile(path, dump(network)),
            f"the network {name}",
            undo=(Undo(RemoveFile(path)),),
            durable=True,
        ),
        *up_steps(name, network, interfaces),
        *more,
    )
    return Plan("create network", name, "network", steps, op=op)


def plan_destroy(
    name: str,
    network: Network,
    interfaces: Interfaces,
    users: list[str],
    op: str,
    flushed: Sequence[Step] = (),
) -> Plan:
    """Destroy the network; `flushed` empties its anchor of pf(4). Raises ConflictError if guests
    have an interface on it, or its bridge has other members."""
    _refuse_used(name, users)
    bridge = bridge_of(network)
    present = interfaces.get(bridge)
    steps = list(flushed)
    if other := _others(name, present):
        gone = Step(RemoveFile(network_file(name)), f"the network {name}", durable=True)
        note = f"{bridge} is network {other}'s, and stays"
        finish = (*flushed, gone)
        return Plan("destroy network", name, "network", finish=finish, op=op, notes=(note,))
    if owns_bridge(network) and present is not None:
        foreign = [member for member in present.members if member != member_of(network)]
        steps.append(_destroyed(name, bridge, foreign, f"the bridge of {name}"))
    # The bridge let go of it.
    without = {key: face for key, face in interfaces.items() if key != bridge}
    steps += leave_steps(network, bridge, without, name)
    steps.append(Step(RemoveFile(network_file(name)), f"the network {name}", durable=True))
    return Plan("destroy network", name, "network", finish=tuple(steps), op=op)


def plan_destroy_broken(
    name: str,
    number: int | None,
    interfaces: Interfaces,
    users: list[str],
    op: str,
    flushed: Sequence[Step] = (),
) -> Plan:
    """Destroy what is known of a network with an unreadable file: the file, and bsdvirt's
    interfaces with its `number`, if known, or its name in their description. Raises ConflictError
    as plan_destroy does."""
    _refuse_used(name, users)
    numbered = () if number is None else (bridge_name(number), vlan_name(number))
    ours = [
        face
        for face in interfaces.values()
        if GROUP in face.groups and (face.name in numbered or face.description == described(name))
    ]
    vlans = {face.name for face in ours if "bridge" not in face.groups}
    steps = list(flushed)
    for face in sorted(ours, key=lambda one: one.name in vlans):
        # What is left of it that is not ours is its uplink, which nothing happens to.
        guests = [m for m in face.members if m in interfaces and GROUP in interfaces[m].groups]
        foreign = [member for member in guests if member not in vlans]
        steps.append(_destroyed(name, face.name, foreign, f"{face.name} of {name}"))
    steps.append(Step(RemoveFile(network_file(name)), f"the network {name}", durable=True))
    return Plan("destroy network", name, "network", finish=tuple(steps), op=op)


def _destroyed(name: str, face: str, foreign: Sequence[str], why: str) -> Step:
    """Destroy an interface of the network. Raises ConflictError if it has `foreign` members."""
    if foreign:
        raise ConflictError(
            f"network {name}: {face} still has the members {', '.join(foreign)}",
            f"ifconfig {face} deletem {foreign[0]}",
        )
    return Step(Command((tools.IFCONFIG, face, "destroy")), why, unless=_gone(face))


def _others(name: str, bridge: Interface | None) -> str:
    """Return the other network that a bridge belongs to, by its description; empty if none."""
    if bridge is None or GROUP not in bridge.groups or not bridge.description.startswith(DESCR):
        return ""
    other = bridge.description.removeprefix(DESCR)
    return "" if other == name else other


def described(name: str) -> str:
    """Return the description of a network's interfaces."""
    return f"{DESCR}{name}"


def _refuse_used(name: str, users: list[str]) -> None:
    if users:
        raise ConflictError(
            f"network {name} is in use by {', '.join(users)}",
            "move those guests to another network first",
        )


def _check_foreign(name: str, network: Network, bridge: Interface | None) -> None:
    """Raises HostError if an existing bridge does not fit the network."""
    if bridge is None:
        raise HostError(
            f"network {name}: its bridge {network.bridge} does not exist", "create it first"
        )
    if bridge.members and bridge.mtu != network.mtu:
        raise HostError(
            f"network {name}: its bridge {bridge.name} has MTU {bridge.mtu}, not {network.mtu}",
            f"bsdvirt network set {name} mtu={bridge.mtu}, or set it at creation",
        )


def _gone(interface: str) -> Not:
    return Not(InterfaceExists(interface))


def _create_bridge(name: str, network: Network) -> Step:
    cloner, bridge = bridge_cloner(network.id), bridge_name(network.id)
    argv = (
        tools.IFCONFIG, cloner, "create", "name", bridge,
        "descr", described(name), "group", GROUP,
        *(("mtu", str(network.mtu)) if network.mtu != DEFAULT_MTU else ()),
    )  # fmt: skip
    return Step(
        Command(argv),
        f"the bridge of network {name}",
        undo=_destroy_either(bridge, cloner),
    )


def _destroy_either(*names: str) -> tuple[Undo, ...]:
    return tuple(
        Undo(Command((tools.IFCONFIG, name, "destroy")), InterfaceExists(name)) for name in names
    )
