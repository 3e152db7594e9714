"""Network interfaces of guests, and static routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from bsdvirt.spec.base import BadValueError, Names, Spec, prop
from bsdvirt.spec.becomes import DeviceKey
from bsdvirt.spec.types import (
    GuestName,
    HostAddress,
    IpAddress,
    Ipv4Gateway,
    Ipv4OrDhcp,
    Ipv6Gateway,
    Ipv6OrSlaac,
    Mac,
    Subnet,
    VlanList,
)

POOL = "pool"
NO_MAC = "00:00:00:00:00:00"
SLIRP = "slirp"
"""The network that is no network of the host: user networking, of virtual machines."""


class Route(Spec, frozen=True, kw_only=True):
    """A static route."""

    to: Annotated[Subnet, prop("Destination network, such as 10.5.0.0/16.")]
    via: Annotated[IpAddress, prop("Address of the router, in a subnet of the interface.")]

    def __post_init__(self) -> None:
        if self.to.version != self.via.version:
            raise BadValueError(f"{self.via} is not an IPv{self.to.version} address", at="via")
        if self.via.ip in self.to.network:
            raise BadValueError(f"{self.via} is itself in {self.to!s}", at="via")


class Nic(Spec, frozen=True, kw_only=True):
    """A network interface: of a jail, an epair(4)."""

    network: Annotated[
        GuestName, prop("Network that the interface is connected to.", names=Names.NETWORK)
    ]
    address: Annotated[
        Ipv4OrDhcp,
        prop(
            "IPv4 address: `pool`, an address such as 10.77.0.9/24, `dhcp`, or `none`; "
            "a virtual machine receives it through `cloud`."
        ),
    ] = Ipv4OrDhcp("pool")
    address6: Annotated[
        Ipv6OrSlaac,
        prop(
            "IPv6 address: `pool`, an address such as fd00:77::9/64, `slaac` for router "
            "advertisements, or `none`; a virtual machine receives it through `cloud`."
        ),
    ] = Ipv6OrSlaac("pool")
    subnet: Annotated[
        Subnet | None,
        prop("IPv4 subnet of the network to take the address from, if it has several."),
    ] = None
    subnet6: Annotated[
        Subnet | None,
        prop("IPv6 subnet of the network to take the address from, if it has several."),
    ] = None
    aliases: Annotated[
        list[HostAddress],
        prop("Further addresses of the interface, IPv4 or IPv6.", max_length=16),
    ] = []
    gateway: Annotated[
        Ipv4Gateway,
        prop("IPv4 default gateway; `auto` is the network's, on the first interface only."),
    ] = Ipv4Gateway("auto")
    gateway6: Annotated[
        Ipv6Gateway,
        prop("IPv6 default gateway; `auto` is the network's, on the first interface only."),
    ] = Ipv6Gateway("auto")
    mac: Annotated[
        Mac | None,
        prop(
            "MAC address; by default one is assigned and kept. An address that you "
            "choose should be locally administered: it begins with 02, 06, 0a or 0e.",
            becomes=DeviceKey("mac", by="bhyve.devices.nic"),
        ),
    ] = None
    routes: Annotated[
        list[Route], prop("Routes of the guest, before those of the network.", max_length=32)
    ] = []
    private: (
        Annotated[
            bool,
            prop(
                "Isolate it from other private interfaces of the network; by default as "
                "the network says."
            ),
        ]
        | None
    ) = None
    vlan: (
        Annotated[
            int,
            prop(
                "VLAN of its untagged frames, on a network with vlanfilter; by default the "
                "network's `vlan`.",
                ge=1,
                le=4094,
            ),
        ]
        | None
    ) = None
    tagged: Annotated[
        VlanList | None,
        prop(
            "VLANs that the guest sends and receives tagged, on a network with vlanfilter, such "
            "as 10,20-29."
        ),
    ] = None
    mtu: (
        Annotated[
            int,
            prop(
                "MTU in the guest, at most that of the network, which is the default.",
                unit="bytes",
                ge=72,
                le=65535,
                becomes=DeviceKey("mtu", by="bhyve.devices.nic"),
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.mac == NO_MAC:
            raise BadValueError(f"{self.mac} is not a usable address", at="mac")
        if self.address == "dhcp" and self.gateway not in ("auto", "none"):
            raise BadValueError("DHCP provides the gateway", at="gateway", hint="omit it")
        if self.address6 == "slaac" and self.gateway6 not in ("auto", "none"):
            raise BadValueError(
                "router advertisements provide the gateway", at="gateway6", hint="omit it"
            )
        for end, version in (("", 4), ("6", 6)):
            self._check_gateway(end)
            subnet = getattr(self, f"subnet{end}")
            if subnet is None:
                continue
            if subnet.version != version:
                raise BadValueError(f"{subnet!s} is not an IPv{version} network", at=f"subnet{end}")
            if getattr(self, f"address{end}") != "pool":
                raise BadValueError(f"only `address{end}: pool` uses it", at=f"subnet{end}")
        seen: list[str] = []
        for number, route in enumerate(self.routes):
            if route.to in seen:
                raise BadValueError(f"{route.to!s} is given twice", at=f"routes.{number}.to")
            seen.append(route.to)

    @property
    def has_user_networking(self) -> bool:
        """Whether it is on no network of the host."""
        return self.network == SLIRP

    @property
    def is_open(self) -> bool:
        """Whether user networking lets the guest connect to the outside."""
        return True

    def _check_gateway(self, end: str) -> None:
        address, gateway = getattr(self, f"address{end}"), getattr(self, f"gateway{end}")
        if gateway in ("auto", "none"):
            return
        if address == "none" and not any(a.version == (6 if end else 4) for a in self.aliases):
            raise BadValueError(f"the interface has no address{end}", at=f"gateway{end}")
        if gateway == address.address:
            raise BadValueError("it is the interface's own address", at=f"gateway{end}")

    def chosen(self) -> Iterator[tuple[str, str]]:
        """Yield each given address, without its prefix length, and its place."""
        for name in ("address", "address6"):
            if address := getattr(self, name).address:
                yield address, name
        for number, alias in enumerate(self.aliases):
            yield alias.address, f"aliases.{number}"


def refuse_user_networking(nics: Sequence[Nic]) -> None:
    """Raise BadValueError for an interface that only a virtual machine can have."""
    for number, nic in enumerate(nics):
        if nic.has_user_networking:
            raise BadValueError(
                f"{SLIRP} is user networking, which bhyve(8) provides: a jail has none",
                at=f"nics.{number}.network",
                hint="use a network, such as one with nat; or stack=inherit",
            )


def refuse_twice(nics: Sequence[Nic]) -> None:
    """Raise BadValueError for an IP or MAC address that is given twice."""
    seen: dict[str, str] = {}
    for number, nic in enumerate(nics):
        own = [(str(nic.mac), "mac")] if nic.mac else []
        for address, where in (*own, *nic.chosen()):
            at = f"nics.{number}.{where}"
            if seen.setdefault(address, at) != at:
                raise BadValueError(f"{address} is also {seen[address]}", at=at)
