"""Networks as plans: a bridge made, brought up, taken away. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bsdvirt.errors import ConflictError, HostError
from bsdvirt.host import tools
from bsdvirt.host.parse.ifconfig import Interface
from bsdvirt.plan.step import (
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
from bsdvirt.store.layout import (
    GROUP,
    NETWORK_DIRECTORY,
    bridge_cloner,
    bridge_name,
    network_file,
)

DEFAULT_MTU = 1500

Interfaces = Mapping[str, Interface]


def bridge_of(network: Network) -> str:
    """The bridge that guests are members of."""
    return str(network.bridge) if network.bridge else bridge_name(network.id)


def owns_bridge(network: Network) -> bool:
    return network.bridge is None


def up_steps(name: str, network: Network, interfaces: Interfaces) -> tuple[Step, ...]:
    """What the network's bridge still lacks.

    Raises HostError where an uplink or a bridge of somebody else's is not there, or an
    uplink has an address of its own: that belongs on the bridge.
    """
    bridge = bridge_of(network)
    if not owns_bridge(network):
        if bridge not in interfaces:
            raise HostError(f"network {name}: its bridge {bridge} is not there", "create it first")
        return ()
    steps: list[Step] = []
    present = interfaces.get(bridge)
    if present is None:
        if (nameless := bridge_cloner(network.id)) in interfaces:
            argv = (tools.IFCONFIG, nameless, "destroy")
            steps.append(Step(Command(argv), "what an interrupted start left of it"))
        steps.append(_create_bridge(name, network))
    if network.uplink:
        steps += _join_uplink(name, network, interfaces)
    have = present.addresses if present else ()
    for cidr in network.addresses:
        if str(cidr) not in have:
            steps.append(_address_step(bridge, str(cidr)))
    if present is None or not present.up:
        steps.append(Step(Command((tools.IFCONFIG, bridge, "up")), f"bring {bridge} up"))
    return tuple(steps)


def plan_up(name: str, network: Network, interfaces: Interfaces, op: str) -> Plan:
    """Bring the network up, or nothing where it is."""
    steps = up_steps(name, network, interfaces)
    return Plan("up", name, "network", steps, op=op, reason="already up")


def plan_create(name: str, network: Network, interfaces: Interfaces, op: str) -> Plan:
    """Write the network's file and bring it up."""
    path = network_file(name)
    steps = (
        Step(
            MakeDirectory(NETWORK_DIRECTORY),
            "where networks are kept",
            unless=FileExists(NETWORK_DIRECTORY),
        ),
        Step(
            WriteFile(path, dump(network)),
            f"the network {name}",
            undo=(Undo(RemoveFile(path)),),
            durable=True,
        ),
        *up_steps(name, network, interfaces),
    )
    return Plan("create network", name, "network", steps, op=op)


def plan_destroy(
    name: str, network: Network, interfaces: Interfaces, users: list[str], op: str
) -> Plan:
    """Take the network away.

    Raises ConflictError where guests have an interface on it, or its bridge has
    members that are not its own.
    """
    if users:
        raise ConflictError(
            f"network {name} is in use by {', '.join(users)}",
            "give those guests another network first",
        )
    bridge = bridge_of(network)
    present = interfaces.get(bridge)
    steps: list[Step] = []
    if owns_bridge(network) and present is not None:
        foreign = [member for member in present.members if member != network.uplink]
        if foreign:
            raise ConflictError(
                f"network {name}: {bridge} still has the members {', '.join(foreign)}",
                f"ifconfig {bridge} deletem {foreign[0]}",
            )
        steps.append(
            Step(
                Command((tools.IFCONFIG, bridge, "destroy")),
                f"the bridge of {name}",
                unless=_gone(bridge),
            )
        )
    steps.append(Step(RemoveFile(network_file(name)), f"the network {name}", durable=True))
    return Plan("destroy network", name, "network", finish=tuple(steps), op=op)


def _gone(interface: str) -> Not:
    return Not(InterfaceExists(interface))


def _create_bridge(name: str, network: Network) -> Step:
    cloner, bridge = bridge_cloner(network.id), bridge_name(network.id)
    argv = (
        tools.IFCONFIG, cloner, "create", "name", bridge,
        "descr", f"bsdvirt network {name}", "group", GROUP,
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


def _join_uplink(name: str, network: Network, interfaces: Interfaces) -> list[Step]:
    bridge, uplink = bridge_of(network), str(network.uplink)
    card = interfaces.get(uplink)
    if card is None:
        raise HostError(f"network {name}: its uplink {uplink} is not there", "ifconfig -l")
    if card.addresses:
        raise HostError(
            f"network {name}: its uplink {uplink} has the address {card.addresses[0]};"
            " a member of a bridge must have none",
            f"move it to the network: `addresses: [{card.addresses[0]}]` in"
            f" {network_file(name)}, and take it off {uplink} (rc.conf, and ifconfig)",
        )
    present = interfaces.get(bridge)
    steps: list[Step] = []
    if not card.up:
        steps.append(
            Step(
                Command((tools.IFCONFIG, uplink, "up")),
                f"bring {uplink} up",
                undo=(Undo(Command((tools.IFCONFIG, uplink, "down"))),),
            )
        )
    if present is None or uplink not in present.members:
        steps.append(
            Step(
                Command((tools.IFCONFIG, bridge, "addm", uplink)),
                f"join {uplink} to {bridge}",
                undo=(
                    Undo(
                        Command((tools.IFCONFIG, bridge, "deletem", uplink), ok=(0, 1)),
                        InterfaceExists(bridge),
                    ),
                ),
            )
        )
    return steps


def _address_step(bridge: str, cidr: str) -> Step:
    family = "inet6" if ":" in cidr else "inet"
    words = (tools.IFCONFIG, bridge, family, cidr)
    return Step(
        Command((*words, "alias", *(("-ifdisabled",) if family == "inet6" else ()))),
        f"the host's address {cidr} on {bridge}",
        undo=(
            Undo(
                Command((tools.IFCONFIG, bridge, family, cidr, "-alias"), ok=(0, 1)),
                InterfaceExists(bridge),
            ),
        ),
    )
