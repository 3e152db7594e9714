"""Networks: made, brought up, taken away, shown."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from bsdvirt.app.session import Session
from bsdvirt.errors import ConflictError, NotFoundError
from bsdvirt.host.facts import read_interfaces
from bsdvirt.net import address, plans
from bsdvirt.spec.load import decode
from bsdvirt.spec.network import Network
from bsdvirt.store.guests import Inventory
from bsdvirt.store.layout import network_file


def bring_up(session: Session, names: Iterable[str], networks: dict[str, Network]) -> None:
    """Bring up those that are not. One look at the interfaces where all are."""
    used = set(names)
    wanted = sorted(name for name in networks if name in used)
    for name in wanted:
        session.settle("network", name, f"network up {name}")
    interfaces = read_interfaces(session.host) if wanted else {}
    for name in wanted:
        if not plans.up_steps(name, networks[name], interfaces):
            continue
        with session.locked("network", name, f"network up {name}"):
            now = read_interfaces(session.host)
            session.run(plans.plan_up(name, networks[name], now, session.new_op()))


def users(found: Inventory, network: str) -> list[str]:
    """The guests with an interface on the network."""
    return [
        name
        for name, guest in found.guests.items()
        if any(claim.network == network for claim in guest.identity.nics)
    ]


def create(session: Session, name: str, settings: dict[str, Any]) -> Network:
    """Make a network. `settings` are properties of it, without `id`.

    Raises ConflictError where the name is taken, or its subnet overlaps one of the host's.
    """
    with session.locked("network", name, f"network create {name}"), _numbering(session):
        networks = session.networks()
        if name in networks:
            raise ConflictError(f"network {name} is there already", network_file(name))
        network = decode(Network, {"id": _free_id(networks), **settings}, f"network {name}")
        interfaces = read_interfaces(session.host)
        _refuse_overlap(name, network, interfaces.values())
        session.run(plans.plan_create(name, network, interfaces, session.new_op()))
        return network


def destroy(session: Session, name: str) -> None:
    """Take a network away. Raises ConflictError where it is in use."""
    with session.locked("network", name, f"network destroy {name}"):
        networks = session.networks()
        if name not in networks:
            raise NotFoundError(f"no network {name}", f"there is {', '.join(networks) or 'none'}")
        interfaces = read_interfaces(session.host)
        using = users(session.inventory(), name)
        session.run(plans.plan_destroy(name, networks[name], interfaces, using, session.new_op()))


def _numbering(session: Session) -> Any:
    """Ids and subnets are given under the allocation lock."""
    return session.locked("allocation", "", "network create")


def _free_id(networks: dict[str, Network]) -> int:
    taken = {network.id for network in networks.values()}
    return next(number for number in range(1000) if number not in taken)


def _refuse_overlap(name: str, network: Network, interfaces: Iterable[Any]) -> None:
    """Two subnets that overlap silently break the second (captures/README)."""
    ours = [ipaddress.ip_interface(str(cidr)).network for cidr in network.addresses]
    for interface in interfaces:
        if interface.name == plans.bridge_of(network):
            continue
        for text in interface.addresses:
            theirs = ipaddress.ip_interface(text).network
            for own in ours:
                if own.version == theirs.version and own.overlaps(theirs):
                    raise ConflictError(
                        f"network {name}: {own} overlaps {text} of {interface.name}",
                        "choose another subnet",
                    )


def describe(name: str, network: Network, interfaces: Any, using: list[str]) -> dict[str, Any]:
    """A network for people and for --json."""
    bridge = plans.bridge_of(network)
    present = interfaces.get(bridge)
    return {
        "name": name,
        "bridge": bridge,
        "uplink": network.uplink,
        "state": "up" if present is not None and present.up else "down",
        "addresses": [str(cidr) for cidr in network.addresses],
        "pools": [str(pool) for pool in network.pools],
        "gateway": address.gateway(network, 4),
        "gateway6": address.gateway(network, 6),
        "mtu": network.mtu,
        "members": list(present.members) if present else [],
        "guests": using,
        "description": network.description,
    }
