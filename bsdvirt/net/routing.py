"""Routes of guests: default gateways, and static routes of networks and interfaces. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from bsdvirt.errors import UsageError
from bsdvirt.net import address
from bsdvirt.net.files import existing
from bsdvirt.spec.identity import Claim
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic, Route

ASKED = ("dhcp", "slaac")
"""Addresses that are known only while the guest runs."""
Wired = Sequence[tuple[Nic, Claim]]
"""Interfaces of one guest, with their claims."""


def gateways(index: int, nic: Nic, claim: Claim, network: Network) -> tuple[str, ...]:
    """Return the default gateways of one interface; `auto` sets one on the first interface only."""
    found = []
    for version, wanted in ((4, str(nic.gateway)), (6, str(nic.gateway6))):
        way = wanted
        if way == "auto":
            own = [text for text in claim.addresses() if _version(text) == version]
            ways = (address.gateway(network, version, text) for text in own if index == 0)
            way = next(filter(None, ways), "none")
        if way != "none":
            found.append(way)
    return tuple(found)


def routes(wired: Wired, networks: Mapping[str, Network]) -> list[list[Route]]:
    """Return the routes of each interface, one per destination. Routes of an interface take
    precedence over those of its network; a guest that is the router itself, or has no address of
    that family, gets none."""
    own = {ipaddress.ip_interface(text).ip for _, claim in wired for text in claim.addresses()}
    found: list[list[Route]] = [[] for _ in wired]
    taken: set[str] = set()
    given = [(at, route) for at, (nic, _) in enumerate(wired) for route in nic.routes]
    shared = [
        (at, route)
        for at, (nic, claim) in enumerate(wired)
        for route in existing(networks, nic.network).routes
        if any(
            address.reaches(text, str(route.via))
            for text in claim.addresses()
            if _version(text) == route.via.version
        )
        and route.via.ip not in own
    ]
    for at, route in (*given, *shared):
        if str(route.to) not in taken:
            taken.add(str(route.to))
            found[at].append(route)
    return found


def check(name: str, wired: Wired) -> None:
    """Raises UsageError for a gateway or router in the guest's file that none of its addresses
    reaches: route(8) would refuse it."""
    own = [text for _, claim in wired for text in claim.addresses()]
    for index, (nic, _) in enumerate(wired):
        named = [("gateway", str(nic.gateway)), ("gateway6", str(nic.gateway6))]
        named += [(f"routes.{n}.via", str(route.via)) for n, route in enumerate(nic.routes)]
        for at, router in named:
            if router in ("auto", "none"):
                continue
            version = _version(router)
            if str(nic.address6 if version == 6 else nic.address) in ASKED:
                continue
            mine = [text for text in own if _version(text) == version]
            if not any(address.reaches(text, router) for text in mine):
                has = ", ".join(mine) or f"no IPv{version} address"
                raise UsageError(
                    f"{name}: nics.{index}.{at}: {router} is not reached from {has}",
                    "use a router in a subnet of the interface",
                )


def _version(text: str) -> int:
    return 6 if ":" in text else 4
