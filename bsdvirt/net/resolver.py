"""Choose the name servers of a guest that uses the host's. Pure.

A name server of the host may be unreachable for a guest: with its own network stack, 127.0.0.1 is
the guest itself, and a jail that shares the host's stack has its own first address in its place.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from bsdvirt.net.address import reaches
from bsdvirt.spec.network import Network

PORT = 53
MOST_SERVERS = 3
"""Largest number of name servers (MAXNS in resolv.h)."""


class Reach(Struct, frozen=True):
    """What a guest can reach: its networks, its own addresses, and its default gateways."""

    networks: Sequence[Network] = ()
    addresses: Sequence[str] = ()
    gateways: Sequence[str] = ()
    routed: Sequence[str] = ()
    """Networks with a static route."""


def servers_of(text: str) -> list[str]:
    """Return the name servers in a resolv.conf(5)."""
    lines = (line.split() for line in text.splitlines())
    return [words[1] for words in lines if len(words) >= 2 and words[0] == "nameserver"]


def is_the_hosts_alone(server: str) -> bool:
    """Whether an address is local to the host."""
    try:
        address = ipaddress.ip_address(server)
    except ValueError:
        return True
    return address.is_loopback or address.is_unspecified or "%" in server


def name_servers(networks: Iterable[Network]) -> list[str]:
    """Return the name servers of the first of its networks that has any."""
    return next(([str(one) for one in net.dns] for net in networks if net.dns), [])


def usable(server: str, reach: Reach) -> bool:
    """Whether a guest can reach a name server of the host."""
    if is_the_hosts_alone(server):
        return False
    address = ipaddress.ip_address(server)
    if not reach.addresses:
        # What it will have is not known here.
        return True
    near = any(reaches(own, server) for own in reach.addresses)
    routed = any(address in ipaddress.ip_network(net) for net in reach.routed)
    by = any((":" in way) == (":" in server) for way in reach.gateways)
    return near or routed or by


def for_guest(host: str, reach: Reach, answering: Collection[str]) -> tuple[str | None, str]:
    """Return the text of its resolv.conf, or None to leave it unchanged, and why it has no name
    servers, in words. `host` is the host's own; `answering` are addresses of the host on which a
    name server listens."""
    servers = name_servers(reach.networks)
    had = servers_of(host)
    servers = servers or [server for server in had if usable(server, reach)]
    servers = servers or [way for way in reach.gateways if way in answering]
    if not servers:
        return None, _why(had) if reach.addresses else ""
    if servers == had:
        return host, ""
    kept = [line for line in host.splitlines() if line.split()[:1] != ["nameserver"]]
    lines = [*kept, *(f"nameserver {server}" for server in servers[:MOST_SERVERS])]
    return "\n".join(lines) + "\n", ""


def _why(had: Sequence[str]) -> str:
    if not had:
        return "the host's /etc/resolv.conf names no name server"
    shown = ", ".join(had)
    if all(map(is_the_hosts_alone, had)):
        return f"the host's name server {shown} is local to the host"
    return f"the host's name server {shown} cannot be reached from its networks"


def hint(name: str, networks: Iterable[str]) -> str:
    """Return what to do about it."""
    first = next(iter(networks), None)
    own = f"bsdvirt set {name} resolver.mode=own resolver.servers=ADDRESS"
    return f"bsdvirt network set {first} dns=ADDRESS, or {own}" if first else own
