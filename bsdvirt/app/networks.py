"""Networks: made, brought up, taken away, shown."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bsdvirt.app.batch import Outcome
from bsdvirt.app.session import Session
from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.host.facts import read_interfaces
from bsdvirt.net import address, plans
from bsdvirt.net.change import Port, plan_set
from bsdvirt.net.uplink import refuse_shared
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.fields import plain
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic
from bsdvirt.spec.paths import set_paths
from bsdvirt.store.guests import Inventory, load_guest_file
from bsdvirt.store.layout import host_end, network_file

Assignments = Sequence[tuple[str, str]]


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


def create(
    session: Session, name: str, settings: dict[str, Any], assignments: Assignments = ()
) -> Network:
    """Make a network. `settings` are properties of it, without `id`; `assignments` more of
    them, by path.

    Raises ConflictError where the name is taken, its subnet overlaps one of the host's, or
    another network has its uplink.
    """
    with session.locked("network", name, f"network create {name}"), _numbering(session):
        networks = session.networks()
        if name in networks:
            raise ConflictError(f"network {name} is there already", network_file(name))
        network = _wanted(_free_id(networks), name, settings, assignments)
        interfaces = read_interfaces(session.host)
        refuse_shared(name, network, networks)
        _refuse_overlap(name, network, interfaces.values())
        session.run(plans.plan_create(name, network, interfaces, session.new_op()))
        return network


def _wanted(number: int, name: str, settings: dict[str, Any], assignments: Assignments) -> Network:
    """The new network, looked at as a whole once all is known of it."""
    for path, _ in assignments:
        if path.split(".")[0] in settings:
            raise UsageError(f"network {name}: {path} is given twice", "as an option, or by name")
        if path == "id":
            raise UsageError(f"network {name}: bsdvirt numbers it", "leave id out")
    return set_paths(Network(id=number), assignments, settings, f"network {name}")


def change(session: Session, name: str, assignments: Assignments) -> Outcome:
    """Set properties of a network, live where it is up. Nothing is written where any of it
    is wrong.

    Raises NotFoundError, UsageError, and ConflictError for what its guests' claims, or
    those that run, do not allow.
    """
    with (
        session.locked("network", name, f"network set {name}"),
        session.locked("allocation", "", f"network set {name}"),
    ):
        networks = session.networks()
        before = one(networks, name)
        after = set_paths(before, assignments)
        for fixed in ("id", "bridge"):
            if getattr(before, fixed) != getattr(after, fixed):
                raise ConflictError(
                    f"network {name}: {fixed} is fixed when it is made", "make another network"
                )
        interfaces = read_interfaces(session.host)
        refuse_shared(name, after, networks)
        if before.addresses != after.addresses:
            _refuse_overlap(name, after, interfaces.values())
        text = session.host.fs.read_text(network_file(name))
        plan = plan_set(
            name, before, after, (text, edit_yaml(text, before, after)), interfaces,
            _ports(session, name), session.new_op(),
        )  # fmt: skip
        session.run(plan)
    return Outcome(name, plan.reason or "set", notes=plan.notes)


def one(networks: Mapping[str, Network], name: str) -> Network:
    """Raises NotFoundError."""
    if name not in networks:
        raise NotFoundError(f"no network {name}", f"there is {', '.join(networks) or 'none'}")
    return networks[name]


def _ports(session: Session, network: str) -> list[Port]:
    """The interfaces of guests on the network."""
    ports: list[Port] = []
    found = session.inventory()
    for name, guest in sorted(found.guests.items()):
        identity = guest.identity
        every = (identity.nics, identity.next or [])
        if not any(claim.network == network for claims in every for claim in claims):
            continue
        nics: Sequence[Nic] = ()
        with contextlib.suppress(BsdvirtError):
            nics = load_guest_file(session.host.fs, found.layout, name).nics
        for index in range(max(map(len, every))):
            claims = tuple(
                c[index] for c in every if index < len(c) and c[index].network == network
            )
            if claims:
                nic = nics[index] if index < len(nics) else None
                mine = nic if nic is not None and nic.network == network else None
                ports.append(Port(name, mine, claims, host_end(identity.id, index)))
    return ports


def destroy(session: Session, name: str) -> None:
    """Take a network away. Raises ConflictError where it is in use."""
    with session.locked("network", name, f"network destroy {name}"):
        networks = session.networks()
        network = one(networks, name)
        interfaces = read_interfaces(session.host)
        using = users(session.inventory(), name)
        session.run(plans.plan_destroy(name, network, interfaces, using, session.new_op()))


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
        "vlan": network.vlan,
        "private": network.private,
        "state": "up" if present is not None and present.up else "down",
        "addresses": [str(cidr) for cidr in network.addresses],
        "subnets": [str(subnet) for subnet in network.subnets],
        "pools": [str(pool) for pool in network.pools],
        "gateway": address.gateway(network, 4),
        "gateway6": address.gateway(network, 6),
        "routes": plain(network.routes),
        "mtu": network.mtu,
        "members": list(present.members) if present else [],
        "guests": using,
        "description": network.description,
    }
