"""Choose addresses: which a network offers, which are taken, which an interface gets. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.spec.network import Network
from bsdvirt.spec.types import AddressRange, Cidr, Subnet

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
InterfaceAddress = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def host_addresses(network: Network, version: int) -> list[InterfaceAddress]:
    """Return the host's addresses on the network's bridge."""
    every = (ipaddress.ip_interface(str(cidr)) for cidr in network.addresses)
    return [address for address in every if address.version == version]


def gateway(network: Network, version: int, address: str | None = None) -> str | None:
    """Return the gateway of guests: the given one, or the host. With an `address` and its prefix
    length, only one in its subnet; None if there is none."""
    given = network.gateway if version == 4 else network.gateway6
    own = [str(entry.ip) for entry in host_addresses(network, version)]
    every = [str(given), *own] if given is not None else own
    if address is None:
        return every[0] if every else None
    return next((router for router in every if reaches(address, router)), None)


def reaches(address: str, router: str) -> bool:
    """Whether a router is in the subnet of an address with prefix length."""
    plain = ipaddress.ip_address(router.partition("%")[0])
    return plain.is_link_local or plain in ipaddress.ip_interface(address).network


def prefix_length(network: Network, address: Address) -> int | None:
    """Return the prefix length of the network's subnet with the address, if there is one."""
    every: list[Cidr | Subnet] = [*network.addresses, *network.subnets]
    nets = [entry.network for entry in every]
    return next((net.prefixlen for net in nets if address in net), None)


def with_prefix(network: Network, address: Address) -> str:
    """Return the address with the prefix length of its subnet, or that of a single host."""
    length = prefix_length(network, address)
    return f"{address}/{address.max_prefixlen if length is None else length}"


def reserved(network: Network) -> set[Address]:
    """Return the addresses that guests cannot get: the host's own, and the gateways."""
    own = {a.ip for version in (4, 6) for a in host_addresses(network, version)}
    gateways = (network.gateway, network.gateway6)
    return own | {ipaddress.ip_address(str(given)) for given in gateways if given is not None}


def pools_of(network: Network, version: int, subnet: Subnet | None = None) -> list[AddressRange]:
    """Return the pools of one address family, or of one subnet."""
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
    """Return the lowest free address of the network's pools, or of those in the subnet, with its
    prefix length. Raises UsageError if there is no such pool, ConflictError if none is free."""
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
    """Return a chosen address with its prefix length, by default the network's. Raises
    ConflictError if it is taken, UsageError if the length is unknown."""
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
            f"give the length, such as {wanted}/24",
        )
    return f"{address}/{length}"


def _refuse_outside(name: str, network: Network, wanted: str, address: Address) -> None:
    """Raises UsageError for the network or broadcast address of a subnet."""
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
            f"{wanted} is the network or broadcast address of {own[0]}",
            "choose one between",
        )


def addresses(texts: Iterable[str | None]) -> set[Address]:
    """Return addresses without prefix length."""
    return {ipaddress.ip_interface(text).ip for text in texts if text}


def free_subnet(used: Iterable[str]) -> ipaddress.IPv4Network:
    """Return the first of 10.77.0.0/24, 10.77.1.0/24 … that overlaps none of the host's addresses
    (with prefix lengths)."""
    nets = [ipaddress.ip_interface(text).network for text in used]
    for third in range(256):
        candidate = ipaddress.IPv4Network(f"10.77.{third}.0/24")
        if not any(n.version == 4 and candidate.overlaps(n) for n in nets):
            return candidate
    raise ConflictError("all of 10.77.0.0/16 is in use on this host", "use --address A.B.C.D/24")
