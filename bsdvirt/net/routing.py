"""The routes of guests: default gateways, and those of networks and interfaces. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from bsdvirt.errors import UsageError
from bsdvirt.net import address
from bsdvirt.spec.identity import Claim
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import Nic, Route

ASKED = ("dhcp", "slaac")
"""Addresses that are known only once the guest runs."""
Wired = Sequence[tuple[Nic, Claim]]
"""The interfaces of one guest, each with what it holds."""


def gateways(index: int, nic: Nic, claim: Claim, network: Network) -> tuple[str, ...]:
    """The default gateways of one interface; `auto` means one on the first only."""
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
    """Raises UsageError for a gateway, or the router of a route, that the guest itself names
    and none of its addresses reaches: route(8) would refuse it."""
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
                    "name a router in a subnet of the interface's own",
                )


def _version(text: str) -> int:
    return 6 if ":" in text else 4
