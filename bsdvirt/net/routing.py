"""The routes of guests: default gateways, and those of networks and interfaces. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from bsdvirt.net import address
from bsdvirt.spec.identity import Claim
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic, Route

Wired = Sequence[tuple[Nic, Claim]]
"""The interfaces of one guest, each with what it holds."""


def gateways(index: int, nic: Nic, claim: Claim, network: Network) -> tuple[str, ...]:
    """The default gateways of one interface; `auto` means one on the first only."""
    found = []
    for version, wanted in ((4, str(nic.gateway)), (6, str(nic.gateway6))):
        way = wanted
        if way == "auto":
            own = next((text for text in claim.addresses() if _version(text) == version), None)
            way = "none"
            if index == 0 and own:
                way = address.gateway(network, version, own) or "none"
        if way != "none":
            found.append(way)
    return tuple(found)


def routes(wired: Wired, networks: Mapping[str, Network]) -> list[list[Route]]:
    """The routes of each interface: no two lead to the same network. What an interface
    says goes before what its network says; a guest that is the router itself, or has no
    address of that family, is given none."""
    own = {ipaddress.ip_interface(text).ip for _, claim in wired for text in claim.addresses()}
    found: list[list[Route]] = [[] for _ in wired]
    taken: set[str] = set()
    given = [(at, route) for at, (nic, _) in enumerate(wired) for route in nic.routes]
    shared = [
        (at, route)
        for at, (nic, claim) in enumerate(wired)
        for route in networks[nic.network].routes
        if any(_version(text) == route.via.version for text in claim.addresses())
        and route.via.ip not in own
    ]
    for at, route in (*given, *shared):
        if str(route.to) not in taken:
            taken.add(str(route.to))
            found[at].append(route)
    return found


def _version(text: str) -> int:
    return 6 if ":" in text else 4
