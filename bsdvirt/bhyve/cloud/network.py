"""The network configuration of a guest's seed, for cloud-init and for nuageinit. Pure.

cloud-init supports all of version 2 of its own format. nuageinit of FreeBSD 15.1 supports
`match`, `dhcp4`, `mtu`, `gateway4`, `gateway6`, `nameservers` and `addresses`
(libexec/nuageinit/nuageinit, network_config), and

    of several addresses of a family it keeps the last: it assigns ifconfig_IF and
    ifconfig_IF_ipv6 once for each;
    with `dhcp4` it ignores everything else, and writes an `mtu` after the closing quote;
    of two interfaces with a gateway, it uses either;
    it has no `routes`.

What it does not support is written into rc.conf.d by `write_files`, which nuageinit does after
the files of the network and before rc(8) reads them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from bsdvirt.spec.cloud import CloudInit

NETWORK_FILE = "/etc/rc.conf.d/network"
ROUTING_FILE = "/etc/rc.conf.d/routing"
RESOLVCONF_FILE = "/etc/resolvconf.conf"


class SeedNic(Struct, frozen=True):
    """The configuration of one interface; addresses with prefix length. An interface without
    addresses uses DHCP."""

    mac: str
    addresses: tuple[str, ...] = ()
    gateway4: str | None = None
    gateway6: str | None = None
    mtu: int | None = None
    routes: tuple[tuple[str, str], ...] = ()
    """Networks, each with its router."""
    interface: str = ""
    """Its name in FreeBSD: the driver, and its unit in the order of the PCI slots."""
    dhcp4: bool = False
    """Whether its IPv4 address is from DHCP, besides any others that it has."""
    slaac: bool = False
    """Whether its IPv6 address is from router advertisements."""

    @property
    def dhcp(self) -> bool:
        """Whether it uses DHCP."""
        return self.dhcp4 or not (self.addresses or self.slaac)

    def of(self, version: int) -> list[str]:
        """Return its addresses of one family."""
        return [text for text in self.addresses if _version(text) == version]

    @property
    def gateways(self) -> list[str]:
        """Its default gateways."""
        return [router for router in (self.gateway4, self.gateway6) if router]


class Names(Struct, frozen=True):
    """Name servers and search domains, and the number of the interface that has them."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    at: int = 0

    def __bool__(self) -> bool:
        return bool(self.servers or self.search)


def names(cloud: CloudInit, nics: Sequence[SeedNic], host: Sequence[str]) -> Names:
    """Return the guest's name servers: its own, or the `host`'s if no DHCP server gives it
    others."""
    static = next((n for n, nic in enumerate(nics) if nic.addresses and not nic.dhcp4), None)
    own = tuple(str(server) for server in cloud.dns)
    search = tuple(str(domain) for domain in cloud.search)
    return Names(own or (tuple(host) if static is not None else ()), search, static or 0)


def ethernets(cloud: CloudInit, nics: Sequence[SeedNic], dns: Names) -> dict[str, Any]:
    """Return version 2 of cloud-init's format. Each interface is matched by its MAC address,
    since its name in the guest is not known."""
    bsd = cloud.system == "freebsd"
    found: dict[str, Any] = {}
    left = {4, 6}
    """Address families without a default gateway so far."""
    for number, nic in enumerate(nics):
        entry: dict[str, Any] = {"match": {"macaddress": nic.mac}}
        if cloud.system == "linux":
            entry["set-name"] = f"eth{number}"
        entry |= _nuageinit(nic, left) if bsd else _cloud_init(nic)
        if dns and dns.at == number and not (bsd and nic.dhcp):
            entry["nameservers"] = _nameservers(dns)
        found[f"eth{number}"] = entry
    return {"version": 2, "ethernets": found}


def _nameservers(dns: Names) -> dict[str, Any]:
    both = {"addresses": list(dns.servers), "search": list(dns.search)}
    return {key: value for key, value in both.items() if value}


def _cloud_init(nic: SeedNic) -> dict[str, Any]:
    """Return an interface for cloud-init, where `gateway4` and `gateway6` are deprecated: a
    default gateway is a route."""
    entry: dict[str, Any] = {"dhcp4": True} if nic.dhcp else {}
    if nic.addresses:
        entry["addresses"] = list(nic.addresses)
    if nic.slaac:
        entry["accept-ra"] = True
    if nic.mtu is not None:
        entry["mtu"] = nic.mtu
    defaults = [(_everywhere(router), router) for router in nic.gateways]
    if routes := [*defaults, *nic.routes]:
        entry["routes"] = [{"to": to, "via": via} for to, via in routes]
    return entry


def _everywhere(router: str) -> str:
    return "::/0" if _version(router) == 6 else "0.0.0.0/0"


def _nuageinit(nic: SeedNic, left: set[int]) -> dict[str, Any]:
    """Return what nuageinit supports: one address of each family, one gateway of each for all
    interfaces."""
    if nic.dhcp:
        return {"dhcp4": True}
    families = (4,) if nic.slaac else (4, 6)
    entry: dict[str, Any] = {"addresses": [nic.of(v)[0] for v in families if nic.of(v)]}
    for version, router in ((4, nic.gateway4), (6, nic.gateway6)):
        if router and version in left:
            left.discard(version)
            entry[f"gateway{version}"] = _scoped(router, nic.interface)
    if nic.mtu is not None:
        entry["mtu"] = nic.mtu
    return entry


def rc_files(nics: Sequence[SeedNic], dns: Names) -> dict[str, str]:
    """Return the lines to append to FreeBSD's files, by path: all that nuageinit ignores."""
    files = {
        NETWORK_FILE: [line for nic in nics for line in _interface_lines(nic)] + _ipv6_line(nics),
        ROUTING_FILE: _routing_lines(nics),
        RESOLVCONF_FILE: _resolver_lines(nics, dns),
    }
    return {path: "".join(f"{line}\n" for line in lines) for path, lines in files.items() if lines}


def _interface_lines(nic: SeedNic) -> Iterable[str]:
    name = nic.interface
    if nic.dhcp and nic.mtu is not None:
        yield f'ifconfig_{name}="DHCP mtu {nic.mtu}"'
    first6 = "accept_rtadv" if nic.slaac else next(iter(nic.of(6)), "")
    if first6 and (nic.dhcp or nic.slaac):
        yield f'ifconfig_{name}_ipv6="inet6 {first6}"'
    more = [f"inet {text}" for text in nic.of(4)[0 if nic.dhcp else 1 :]]
    more += [f"inet6 {text}" for text in nic.of(6)[0 if nic.slaac else 1 :]]
    if more:
        yield f'ifconfig_{name}_aliases="{" ".join(more)}"'


def _ipv6_line(nics: Sequence[SeedNic]) -> list[str]:
    """nuageinit lists the interfaces that it knows to have IPv6, and no others then have it."""
    ours = [nic for nic in nics if nic.slaac or (nic.dhcp and nic.of(6))]
    theirs = [nic for nic in nics if nic not in ours and nic.of(6)]
    if not ours or not theirs:
        return []
    every = " ".join(nic.interface for nic in nics if nic in ours or nic in theirs)
    return [f'ipv6_network_interfaces="{every}"']


def _routing_lines(nics: Sequence[SeedNic]) -> list[str]:
    lines: list[str] = []
    routes = [(to, _scoped(via, nic.interface)) for nic in nics for to, via in nic.routes]
    for version, what in ((4, ""), (6, "ipv6_")):
        chosen = [route for route in routes if _version(route[0]) == version]
        for number, (to, via) in enumerate(chosen):
            net = ipaddress.ip_network(to)
            words = f"-net {to} {via}" if version == 4 else _route6(net, via)
            lines.append(f'{what}route_net{number}="{words}"')
        if chosen:
            every = " ".join(f"net{number}" for number in range(len(chosen)))
            lines.append(f'{what}static_routes="{every}"')
    asking = [nic for nic in nics if nic.dhcp and nic.gateway6]
    if asking and not any(nic.gateway6 for nic in nics if not nic.dhcp):
        router = _scoped(str(asking[0].gateway6), asking[0].interface)
        lines.append(f'ipv6_defaultrouter="{router}"')
    return lines


def _route6(net: ipaddress.IPv4Network | ipaddress.IPv6Network, via: str) -> str:
    return f"{net.network_address} -prefixlen {net.prefixlen} {via}"


def _resolver_lines(nics: Sequence[SeedNic], dns: Names) -> list[str]:
    """Return the lines for resolvconf(8), which nuageinit does not configure if the interface
    uses DHCP."""
    if not dns or not nics or not nics[dns.at].dhcp:
        return []
    both = (("search_domains", dns.search), ("name_servers", dns.servers))
    return [f'{key}="{" ".join(words)}"' for key, words in both if words]


def _scoped(router: str, interface: str) -> str:
    """Return a router, with the guest's interface if the address is link-local."""
    linked = router.lower().startswith("fe80:")
    return f"{router.partition('%')[0]}%{interface}" if linked and interface else router


def _version(text: str) -> int:
    return 6 if ":" in text else 4
