"""The properties of a network, in networks/<name>.yaml."""

from __future__ import annotations

from typing import Annotated, Any

from bsdvirt.spec.base import LINE, BadValueError, Live, Names, Spec, prop
from bsdvirt.spec.nic import Route
from bsdvirt.spec.types import AddressRange, Cidr, InterfaceName, IpAddress, Subnet, VlanList


class Network(Spec, frozen=True, kw_only=True):
    """A bridge that guests are members of."""

    id: Annotated[
        int,
        prop(
            "Number of the network on this host; names its bridge.", live=Live.NEVER, ge=0, le=999
        ),
    ]
    bridge: Annotated[
        InterfaceName | None,
        prop(
            "Existing bridge to use, which bsdvirt never changes or destroys.",
            live=Live.NEVER,
            names=Names.INTERFACE,
        ),
    ] = None
    uplink: Annotated[
        InterfaceName | None,
        prop(
            "Interface of the host that is a member of the bridge, for guests on the "
            "physical network.",
            names=Names.INTERFACE,
        ),
    ] = None
    vlan: (
        Annotated[
            int,
            prop(
                "VLAN tag: the member is then a vlan(4) interface on the uplink; with vlanfilter, "
                "the VLAN of the host's addresses and of interfaces that have none of their own.",
                ge=1,
                le=4094,
            ),
        ]
        | None
    ) = None
    private: Annotated[
        bool,
        prop(
            "Isolate guests from each other; they reach the host and the uplink.",
            live=Live.NOW,
        ),
    ] = False
    nat: Annotated[
        bool,
        prop(
            "Translate guests' addresses to the host's by pf(4): all IPv4, and IPv6 "
            "unique local addresses (fc00::/7).",
            live=Live.NOW,
        ),
    ] = False
    addresses: Annotated[
        list[Cidr],
        prop("Addresses of the host on the bridge, such as 10.77.0.1/24.", max_length=8),
    ] = []
    subnets: Annotated[
        list[Subnet],
        prop("Subnets of guests in which the host has no address.", max_length=8),
    ] = []
    pools: Annotated[
        list[AddressRange],
        prop(
            "Ranges to assign guests' addresses from, such as 10.77.0.2-10.77.0.254.", max_length=8
        ),
    ] = []
    gateway: Annotated[IpAddress | None, prop("IPv4 gateway; by default the host's address.")] = (
        None
    )
    gateway6: Annotated[IpAddress | None, prop("IPv6 gateway; by default the host's address.")] = (
        None
    )
    routes: Annotated[
        list[Route],
        prop("Routes for every guest of the network.", max_length=32),
    ] = []
    offload: Annotated[
        bool,
        prop(
            "Checksum offloading in its jails; turn it off if packets from jails arrive "
            "with wrong checksums.",
        ),
    ] = True
    dns: Annotated[
        list[IpAddress],
        prop(
            "Name servers of its guests with resolver.mode: host, in place of the host's.",
            max_length=3,
        ),
    ] = []
    mtu: Annotated[
        int, prop("MTU of the bridge and its members.", unit="bytes", ge=576, le=65535)
    ] = 1500
    vlanfilter: Annotated[
        bool,
        prop(
            "Filter VLANs on the bridge (FreeBSD 15): each interface is in the VLANs of its nic, "
            "and the uplink is a trunk.",
            live=Live.NEVER,
        ),
    ] = False
    tagged: Annotated[
        VlanList | None,
        prop(
            "VLANs of the uplink of a bridge with vlanfilter, such as 10,20-29; by default all.",
            live=Live.NOW,
        ),
    ] = None
    description: Annotated[
        str, prop("Description.", live=Live.NOW, max_length=60, pattern=LINE)
    ] = ""

    def __post_init__(self) -> None:
        if self.bridge and self.uplink:
            hint = "add the uplink to that bridge yourself, or leave bridge out"
            raise BadValueError(
                "bsdvirt does not change a bridge that is not its own", at="uplink", hint=hint
            )
        self._check_vlans()
        if self.nat and not self.translated():
            raise BadValueError(
                "the network has no subnet to translate", at="nat",
                hint="give the host an address on it, such as addresses: [10.77.0.1/24]",
            )  # fmt: skip
        # The host's vlan(4) interface on its bridge has room for a tag less.
        least = 1284 if self.vlanfilter else 1280
        if self.mtu < least and any(":" in str(entry) for entry in (*self.addresses, *self.pools)):
            raise BadValueError(f"{self.mtu} is too small for IPv6, which needs {least}", at="mtu")
        self._check_addresses()
        self._check_routes()
        self._check_gateway("gateway", 4)
        self._check_gateway("gateway6", 6)
        for number, pool in enumerate(self.pools):
            self._check_pool(f"pools.{number}", pool, self.pools[:number])

    def _check_vlans(self) -> None:
        if not self.vlanfilter:
            if self.tagged is not None:
                raise BadValueError(
                    "only a bridge that filters VLANs has tagged ones", at="tagged",
                    hint="set vlanfilter=true at creation, or vlan= for a network of one VLAN",
                )  # fmt: skip
            if self.vlan is not None and not self.uplink:
                raise BadValueError("a VLAN needs an uplink", at="vlan",
                                    hint="set uplink to the interface that carries it")  # fmt: skip
            return
        if self.bridge:
            raise BadValueError(
                "bsdvirt does not change a bridge that is not its own", at="vlanfilter",
                hint="ifconfig(8) sets vlanfilter on it; or leave bridge out",
            )  # fmt: skip
        if self.tagged is not None and not self.uplink:
            raise BadValueError("there is no uplink to carry them", at="tagged", hint="set uplink")
        if self.addresses and self.vlan is None:
            raise BadValueError(
                "the host's addresses need a VLAN on a bridge that filters them", at="addresses",
                hint="set vlan to theirs",
            )  # fmt: skip

    def translated(self) -> list[Any]:
        """Return the subnets that `nat` translates: of IPv6, unique local addresses only."""
        import ipaddress

        local = ipaddress.ip_network("fc00::/7")
        return self.subnets_of(4) + [net for net in self.subnets_of(6) if net.subnet_of(local)]

    def subnets_of(self, version: int) -> list[Any]:
        """Return the subnets of one family that guests have addresses in, each once."""
        return list(dict.fromkeys(self._subnets(version)))

    def _check_routes(self) -> None:
        for number, route in enumerate(self.routes):
            subnets = self._subnets(route.via.version)
            known = route.via.ip.is_link_local or not subnets
            if not known and not any(route.via.ip in net for net in subnets):
                raise BadValueError(
                    f"{route.via} is not in a subnet of the network", at=f"routes.{number}.via"
                )
            if any(route.to == earlier.to for earlier in self.routes[:number]):
                raise BadValueError(f"{route.to!s} is given twice", at=f"routes.{number}.to")

    def _subnets(self, version: int) -> list[Any]:
        every: list[Cidr | Subnet] = [*self.addresses, *self.subnets]
        return [entry.network for entry in every if entry.version == version]

    def _check_addresses(self) -> None:
        for number, address in enumerate(self.addresses):
            if address.ip in [earlier.ip for earlier in self.addresses[:number]]:
                raise BadValueError(f"{address.ip} is given twice", at=f"addresses.{number}")

    def _check_gateway(self, name: str, version: int) -> None:
        gateway: IpAddress | None = getattr(self, name)
        if gateway is None:
            return
        if gateway.version != version:
            raise BadValueError(f"{gateway} is not an IPv{version} address", at=name)
        subnets = self._subnets(version)
        if (
            subnets
            and not gateway.ip.is_link_local
            and not any(gateway.ip in net for net in subnets)
        ):
            raise BadValueError(f"{gateway} is not in a subnet of the network", at=name)

    def _check_pool(self, at: str, pool: AddressRange, earlier: list[AddressRange]) -> None:
        subnets = self._subnets(pool.version)
        if not subnets:
            raise BadValueError(
                f"no subnet contains {pool!s}",
                at=at,
                hint="give the host an address in it, or set subnets: [192.168.1.0/24]",
            )
        if not any(pool.first in net and pool.last in net for net in subnets):
            raise BadValueError(f"{pool!s} is not within one subnet of the network", at=at)
        for other in earlier:
            if pool.first in other or other.first in pool:
                raise BadValueError(f"{pool!s} overlaps {other!s}", at=at)
