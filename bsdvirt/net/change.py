"""Plan the change of a network, live if it is up. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.errors import ConflictError
from bsdvirt.layout import network_file, vlan_name
from bsdvirt.net import address
from bsdvirt.net.bridge import bridge_of, owns_bridge, up_steps
from bsdvirt.net.ports import is_private, private_step
from bsdvirt.net.settings import remove_address_step
from bsdvirt.net.uplink import Interfaces, host_interface, leave_steps, member_of
from bsdvirt.plan.step import Plan, Step, Undo, WriteFile
from bsdvirt.spec.identity import Claim
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic

LATER = ("pools", "subnets", "gateway", "gateway6", "routes", "dns", "offload")
"""Properties that running guests get at their next start."""


class Port(Struct, frozen=True):
    """An interface of a guest on the network: its properties, its claims, and the bridge port of a
    running guest."""

    guest: str
    nic: Nic | None
    """None if the guest's file cannot be read."""
    claims: tuple[Claim, ...]
    """Claims now, and from the next start on if they differ."""
    interface: str

    def addresses(self) -> set[str]:
        return {text for claim in self.claims for text in claim.addresses()}


def plan_set(
    name: str,
    before: Network,
    after: Network,
    texts: tuple[str, str],
    interfaces: Interfaces,
    ports: Sequence[Port],
    op: str,
    more: Sequence[Step] = (),
) -> Plan:
    """Change a network; `texts` are the old and new text of its file, and `more` is done after the
    bridge. Raises ConflictError if guests' claims, or running guests, prevent it, and as
    bridge.up_steps does."""
    if before == after and texts[0] == texts[1] and not more:
        return Plan("set network", name, "network", reason="nothing changes", op=op)
    check_claims(name, before, after, ports)
    path = network_file(name)
    written = Step(
        WriteFile(path, texts[1]),
        f"the new file of network {name}",
        undo=(Undo(WriteFile(path, texts[0])),),
        durable=True,
    )
    wrote = (written,) if texts[0] != texts[1] else ()
    bridge = interfaces.get(bridge_of(before))
    live = _live_steps(name, before, after, interfaces, ports) if bridge is not None else []
    return Plan(
        "set network", name, "network", (*wrote, *live, *more), op=op,
        notes=_notes(before, after, interfaces, ports),
    )  # fmt: skip


def _live_steps(
    name: str, before: Network, after: Network, interfaces: Interfaces, ports: Sequence[Port]
) -> list[Step]:
    steps: list[Step] = []
    bridge = interfaces[bridge_of(before)]
    if owns_bridge(before):
        running = sorted({port.guest for port in ports if port.interface in bridge.members})
        if before.mtu != after.mtu and running:
            raise ConflictError(
                f"network {name}: its MTU cannot change while guests on it run:"
                f" {', '.join(running)}",
                f"bsdvirt stop {' '.join(running)}",
            )
        seen = interfaces
        if (before.uplink, before.vlan) != (after.uplink, after.vlan):
            gone = before
            if before.vlanfilter and before.uplink == after.uplink:
                # Only the host's own interface is in another VLAN.
                gone = msgspec.structs.replace(before, uplink=None, tagged=None)
            steps += leave_steps(gone, bridge.name, interfaces, name)
            seen = _without(gone, interfaces)
        steps += up_steps(name, after, seen)
        host = seen.get(host_interface(before, bridge.name))
        steps += [
            remove_address_step(host.name, str(cidr))
            for cidr in before.addresses
            if host and cidr not in after.addresses and str(cidr) in host.addresses
        ]
    for port in ports:
        if port.nic is None or port.interface not in bridge.members:
            continue
        wanted = is_private(port.nic, after)
        if wanted != (port.interface in bridge.private):
            steps.append(private_step(bridge.name, port.interface, wanted))
        if after.vlanfilter:
            # Imported here: few networks are of that kind.
            from bsdvirt.net.vlans import member_steps, port_vlans

            have, want = bridge.vlans_of(port.interface), port_vlans(port.nic, after)
            steps += member_steps(bridge.name, port.interface, have, want)
    return steps


def _without(network: Network, interfaces: Interfaces) -> Interfaces:
    """Return the interfaces after the uplink has left the bridge."""
    bridge, member = bridge_of(network), member_of(network)
    left = {key: face for key, face in interfaces.items() if key != vlan_name(network.id)}
    members = tuple(one for one in interfaces[bridge].members if one != member)
    return left | {bridge: replace(interfaces[bridge], members=members)}


def _notes(
    before: Network, after: Network, interfaces: Interfaces, ports: Sequence[Port]
) -> tuple[str, ...]:
    changed = [name for name in LATER if getattr(before, name) != getattr(after, name)]
    running = sorted({port.guest for port in ports if port.interface in interfaces})
    if not changed or not running:
        return ()
    return (f"{', '.join(changed)}: {', '.join(running)} have them from their next start on",)


def check_claims(name: str, before: Network, after: Network, ports: Iterable[Port]) -> None:
    """Raises ConflictError if a guest has an address that the network would no longer have."""
    for port in ports:
        for problem in _problems(before, after, port):
            raise ConflictError(
                f"network {name}: {problem}",
                f"give {port.guest} another address (bsdvirt edit {port.guest}), or destroy it",
            )


def _problems(before: Network, after: Network, port: Port) -> Iterator[str]:
    taken = address.reserved(after) - address.reserved(before)
    for text in sorted(port.addresses()):
        plain = ipaddress.ip_interface(text).ip
        if plain in taken:
            yield f"{plain} is {port.guest}'s"
        inside = address.prefix_length(after, plain) is not None
        if not inside and address.prefix_length(before, plain) is not None:
            yield f"{port.guest} has {plain}, which would be in none of its subnets"
    if port.nic is None:
        return
    if port.nic.mtu is not None and port.nic.mtu > after.mtu:
        yield f"{port.guest} has an interface with MTU {port.nic.mtu}"
    for claim in port.claims:
        for wanted, had, version, subnet in (
            (port.nic.address, claim.address, 4, port.nic.subnet),
            (port.nic.address6, claim.address6, 6, port.nic.subnet6),
        ):
            if wanted != "pool" or had is None:
                continue
            plain = ipaddress.ip_interface(had).ip
            if not any(plain in pool for pool in address.pools_of(after, version, subnet)):
                yield f"{port.guest} has {plain}, which would be in none of its pools"
