"""Ports of guests on a network's bridge. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.host import tools
from bsdvirt.layout import GROUP
from bsdvirt.plan.drift import Drift
from bsdvirt.plan.step import Command, InterfaceExists, Step, Undo
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic

FREEBSD = "58:9c:fc:"
"""MAC address range of the FreeBSD Foundation, for virtual machines and epairs."""


def is_private(nic: Nic, network: Network) -> bool:
    """Whether the port is private: a bridge forwards no frame from one private member to
    another."""
    return network.private if nic.private is None else nic.private


def check_mtu(name: str, index: int, nic: Nic, network: Network) -> None:
    """Raises UsageError if the MTU of an interface exceeds that of its network."""
    if nic.mtu is not None and nic.mtu > network.mtu:
        raise UsageError(
            f"{name}: nics.{index}.mtu: {nic.mtu} is more than the {network.mtu} of network"
            f" {nic.network}",
            "leave it out, or give the network a larger one",
        )


def check_port(name: str, index: int, nic: Nic, network: Network) -> None:
    """Raises UsageError if an interface does not fit its network."""
    check_mtu(name, index, nic, network)
    if network.vlanfilter:
        # Imported here, as below: few networks are of that kind.
        from bsdvirt.net.vlans import check_member

        check_member(name, index, nic, network)
        return
    for given in ("vlan", "tagged"):
        if getattr(nic, given) is not None:
            raise UsageError(
                f"{name}: nics.{index}.{given}: network {nic.network} does not filter VLANs",
                f"bsdvirt set {name} nics.{index}.{given}=, or use a network with vlanfilter",
            )


def join_step(bridge: str, port: str, nic: Nic | None, network: Network) -> Step:
    """Add a guest's port to the bridge of its network."""
    private = network.private if nic is None else is_private(nic, network)
    words = ("private", port) if private else ()
    what = f"join network {nic.network}" if nic else f"join {bridge}"
    if network.vlanfilter:
        from bsdvirt.net.vlans import join_words, port_vlans, shown

        vlans = port_vlans(nic, network)
        words = (*join_words(vlans), *words)
        what += f" in {shown(vlans)}"
    return Step(
        Command((tools.IFCONFIG, bridge, "addm", port, *words)),
        what + (", kept from the others there" if private else ""),
    )


def running_nic(identity: Identity, nics: Sequence[Nic], index: int) -> Nic | None:
    """Return the entry of an existing interface in a running guest's file; None if there is none,
    or it has changed in a way that takes effect at the next start."""
    if identity.next is not None or index >= len(nics):
        return None
    return nics[index] if nics[index].network == identity.nics[index].network else None


def port_drift(
    port: str, bridge: str, nic: Nic | None, network: Network, interfaces: Mapping[str, Interface]
) -> Iterator[Drift]:
    """Return how the port of a running guest differs from what its start created. `nic` is None if
    the guest's file has no entry for it."""
    face, present = interfaces.get(port), interfaces.get(bridge)
    if face is None:
        yield Drift(f"its interface {port} is gone")
        return
    if present is not None and port not in present.members:
        other = next((f.name for f in interfaces.values() if port in f.members), "")
        joined = join_step(bridge, port, nic, network)
        yield Drift(
            f"its interface {port} is no member of {bridge}" + (f", but of {other}" * bool(other)),
            () if other else (joined,), f"joined {port} to {bridge}",
        )  # fmt: skip
    elif present is not None and nic is not None:
        wanted = is_private(nic, network)
        if wanted != (port in present.private):
            yield Drift(
                f"its interface {port} is " + ("not kept" if wanted else "kept")
                + " from the other private ones",
                (private_step(bridge, port, wanted),),
                f"set {port} " + ("private" if wanted else "not private"),
            )  # fmt: skip
    if network.vlanfilter and present is not None and port in present.members and nic is not None:
        from bsdvirt.net.vlans import vlan_drift

        yield from vlan_drift(port, present, nic, network)
    if not face.up:
        up = Step(Command((tools.IFCONFIG, port, "up")), f"bring {port} up")
        yield Drift(f"its interface {port} is down", (up,), f"brought {port} up")


def private_step(bridge: str, port: str, private: bool) -> Step:
    """Isolate a port of a running guest from others, or not."""

    def argv(wanted: bool) -> tuple[str, ...]:
        return (tools.IFCONFIG, bridge, "private" if wanted else "-private", port)

    return Step(
        Command(argv(private)),
        f"{port} " + ("reaches no other private port" if private else "reaches the others"),
        undo=(Undo(Command(argv(not private)), InterfaceExists(port)),),
    )


def check_macs(name: str, nics: Sequence[Nic], interfaces: Iterable[Interface]) -> tuple[str, ...]:
    """Return remarks on the given MAC addresses. Raises ConflictError for one that an interface of
    the host has."""
    own = {face.ether: face.name for face in interfaces if face.ether and GROUP not in face.groups}
    notes = []
    for number, nic in enumerate(nics):
        if nic.mac is None:
            continue
        if holder := own.get(nic.mac):
            raise ConflictError(
                f"{name}: nics.{number}.mac: {nic.mac} is that of this host's {holder}",
                "choose another",
            )
        if not int(nic.mac[:2], 16) & 2 and not nic.mac.startswith(FREEBSD):
            notes.append(
                f"nics.{number}.mac {nic.mac} is of a maker's range: no card on its network may"
                " have it"
            )
    return tuple(notes)
