"""Addresses: what a network offers, what is taken, what an interface gets. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import AddressRange, Cidr, Subnet

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
InterfaceAddress = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def host_addresses(network: Network, version: int) -> list[InterfaceAddress]:
    """The host's own addresses on the network's bridge."""
    every = (ipaddress.ip_interface(str(cidr)) for cidr in network.addresses)
    return [address for address in every if address.version == version]


def gateway(network: Network, version: int, address: str | None = None) -> str | None:
    """What guests send through: the one that is given, else the host itself. For an
    `address` with its prefix length, the one that it reaches; None where it reaches none."""
    given = network.gateway if version == 4 else network.gateway6
    own = [str(entry.ip) for entry in host_addresses(network, version)]
    every = [str(given), *own] if given is not None else own
    if address is None:
        return every[0] if every else None
    return next((router for router in every if reaches(address, router)), None)


def reaches(address: str, router: str) -> bool:
    """Whether what has an address with its prefix length reaches a router without another."""
    plain = ipaddress.ip_address(router.partition("%")[0])
    return plain.is_link_local or plain in ipaddress.ip_interface(address).network


def prefix_length(network: Network, address: Address) -> int | None:
    """Of the network's subnet that the address lies in, where it lies in one."""
    every: list[Cidr | Subnet] = [*network.addresses, *network.subnets]
    nets = [entry.network for entry in every]
    return next((net.prefixlen for net in nets if address in net), None)


def with_prefix(network: Network, address: Address) -> str:
    """The address with the prefix length of its subnet; a single host's where it has none."""
    length = prefix_length(network, address)
    return f"{address}/{address.max_prefixlen if length is None else length}"


def reserved(network: Network) -> set[Address]:
    """What no guest is given: the host's own addresses, and the gateways."""
    own = {a.ip for version in (4, 6) for a in host_addresses(network, version)}
    gateways = (network.gateway, network.gateway6)
    return own | {ipaddress.ip_address(str(given)) for given in gateways if given is not None}


def pools_of(network: Network, version: int, subnet: Subnet | None = None) -> list[AddressRange]:
    """The pools of one family; of one subnet of the network, where that is said."""
    return [
        pool
        for pool in network.pools
        if pool.version == version and (subnet is None or pool.first in subnet.network)
    ]


def from_pool(
    name: str,
    network: Network,
    version: int,
    taken: Collection[Address],
    subnet: Subnet | None = None,
) -> str:
    """The lowest free address of the network's pools (of those in the subnet), with its
    prefix length.

    Raises UsageError where there is no such pool, ConflictError where none is left.
    """
    kept = reserved(network)
    pools = pools_of(network, version, subnet)
    if not pools and subnet is not None:
        raise UsageError(
            f"network {name} has no pool in {subnet!s}",
            f"its pools are {', '.join(map(str, network.pools)) or 'none'}",
        )
    for pool in pools:
        address = pool.first
        while int(address) <= int(pool.last):
            if address not in kept and address not in taken:
                return with_prefix(network, address)
            address += 1
    where = f" in {subnet!s}" if subnet is not None else ""
    raise ConflictError(
        f"network {name}: no free IPv{version} address is left in its pools{where}",
        "widen `pools` of the network, or give the guest an address or `none`",
    )


def static(name: str, network: Network, wanted: str, taken: Collection[Address]) -> str:
    """A chosen address with its prefix length, the network's where none is given.

    Raises ConflictError where somebody has it, UsageError where its length is unknown.
    """
    address = ipaddress.ip_interface(wanted).ip
    if address in taken:
        raise ConflictError(f"{address} is taken on network {name}", "choose another address")
    own = [a for a in host_addresses(network, address.version) if a.ip == address]
    if own:
        raise ConflictError(f"{address} is the host's own on network {name}", "choose another")
    _refuse_outside(name, network, wanted, address)
    if "/" in wanted:
        return wanted
    length = prefix_length(network, address)
    if length is None:
        raise UsageError(
            f"{wanted}: not in a subnet of network {name}, so its prefix length is unknown",
            f"say {wanted}/24 or the like",
        )
    return f"{address}/{length}"


def _refuse_outside(name: str, network: Network, wanted: str, address: Address) -> None:
    """Raises UsageError for an address that nobody on the network could answer."""
    subnets = network.subnets_of(address.version)
    if not subnets or address.is_link_local:
        return
    own = [net for net in subnets if address in net]
    if not own:
        shown = ", ".join(map(str, subnets))
        raise UsageError(
            f"{wanted} is in none of the subnets of network {name}: {shown}",
            f"choose one in {subnets[0]}; bsdvirt network set {name} subnets=NET adds another",
        )
    ends = (own[0].network_address, own[0].broadcast_address)
    if address.version == 4 and own[0].prefixlen < 31 and address in ends:
        raise UsageError(
            f"{wanted} is the first or the last of {own[0]}: no host has that address",
            "choose one between",
        )


def addresses(texts: Iterable[str | None]) -> set[Address]:
    """Plain addresses out of 10.77.0.2/24 and the like."""
    return {ipaddress.ip_interface(text).ip for text in texts if text}


def free_subnet(used: Iterable[str]) -> ipaddress.IPv4Network:
    """The first of 10.77.0.0/24, 10.77.1.0/24 … that overlaps none of the host's
    own addresses (each with its prefix length)."""
    nets = [ipaddress.ip_interface(text).network for text in used]
    for third in range(256):
        candidate = ipaddress.IPv4Network(f"10.77.{third}.0/24")
        if not any(n.version == 4 and candidate.overlaps(n) for n in nets):
            return candidate
    raise ConflictError("all of 10.77.0.0/16 is in use on this host", "say --address A.B.C.D/24")
