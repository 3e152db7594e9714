"""The types of network addresses.

ipaddress is imported where it is used: most commands need none of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

from bsdvirt.spec.base import BadValueError, shown, text_of

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    Ip = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network


def _address(text: str, words: str, version: int = 0) -> Ip:
    """Return a host address. Raise BadValueError for multicast and unspecified addresses, and
    for the other family."""
    import ipaddress

    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise BadValueError(f"{shown(text)} is not {words}") from None
    scope = getattr(found, "scope_id", None)
    if scope and re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,14}", scope) is None:
        raise BadValueError(f"{shown(text)}: invalid interface name after %")
    if version and found.version != version:
        raise BadValueError(f"{shown(text)} is an IPv{found.version} address: expected {words}")
    if (
        found.is_unspecified
        or found.is_multicast
        or found == ipaddress.ip_address("255.255.255.255")
    ):
        raise BadValueError(f"{shown(text)} is not the address of a single host")
    return found


def _interface(text: str, words: str, version: int = 0) -> str:
    """Return a host address with its prefix, in the shortest form. Raise BadValueError."""
    import ipaddress

    address = _address(text.partition("/")[0], words, version)
    try:
        network = ipaddress.ip_interface(text).network
    except ValueError:
        raise BadValueError(
            f"{shown(text)} is not {words}: invalid prefix length after /"
        ) from None
    if getattr(address, "scope_id", None):
        raise BadValueError(f"{shown(text)}: an interface's own address has no %")
    if not network.prefixlen:
        raise BadValueError(f"{shown(text)}: a prefix length of 0 would cover the whole Internet")
    if network.prefixlen < address.max_prefixlen - 1:
        if address == network.network_address:
            raise BadValueError(f"{shown(text)} is the network itself: give an address in it")
        if address.version == 4 and address == network.broadcast_address:
            raise BadValueError(f"{shown(text)} is the broadcast address of its network")
    return f"{address}/{network.prefixlen}"


def _string(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


_ADDRESS = {"anyOf": [_string(format="ipv4"), _string(format="ipv6")]}


class _Address(str):
    """What has addresses of one family."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if self.count(":") else 4


class _HostAddress(_Address):
    """An address of one host, with or without a prefix, or one of a few words."""

    words: ClassVar[str]
    family: ClassVar[int] = 0
    """4 or 6; 0 for both."""
    named: ClassVar[tuple[str, ...]] = ()
    """Valid words besides addresses."""

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        if text in cls.named:
            return cls(text)
        read = _interface if "/" in text else _address
        return cls(read(text, cls.words, cls.family))

    @property
    def address(self) -> str:
        """The address without its prefix length; empty for a word."""
        return "" if self in self.named else self.partition("/")[0]


class IpAddress(_Address):
    """An IPv4 or IPv6 address of one host, in its shortest form."""

    words: ClassVar[str] = "an IP address"

    @classmethod
    def parse(cls, value: object) -> Self:
        return cls(_address(text_of(value, cls.words), cls.words))

    @property
    def ip(self) -> Ip:
        import ipaddress

        return ipaddress.ip_address(self)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return dict(_ADDRESS)


class ListenAddress(IpAddress):
    """An address of the host to listen on. The wildcard address is refused: it would listen
    on every network of the host."""

    @classmethod
    def parse(cls, value: object) -> Self:
        try:
            return super().parse(value)
        except BadValueError as error:
            if value not in ("0.0.0.0", "::", "*"):
                raise
            hint = "give an address of the host, as ifconfig(8) shows it; 127.0.0.1 is local only"
            raise BadValueError(str(error), hint=hint) from None


class Cidr(_Address):
    """An interface address with its prefix length: 10.77.0.1/24."""

    words: ClassVar[str] = "an address/prefix"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        if "/" not in text:
            raise BadValueError(f"{shown(text)} has no prefix length: write it as 10.77.0.1/24")
        return cls(_interface(text, cls.words))

    @property
    def ip(self) -> Ip:
        import ipaddress

        return ipaddress.ip_address(self.partition("/")[0])

    @property
    def network(self) -> Network:
        import ipaddress

        return ipaddress.ip_interface(self).network

    @property
    def prefix(self) -> int:
        return int(self.partition("/")[2])

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return _string(pattern=r"^[0-9a-fA-F:.]+/[0-9]{1,3}$")


class HostAddress(_HostAddress):
    """An interface address; the prefix length may be left to the network."""

    words = "an address, with or without a prefix"

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return _string(pattern=r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$")


class _Choice(_HostAddress):
    """`pool`, `none`, or an address of one family, with or without a prefix."""

    named: ClassVar[tuple[str, ...]] = ("pool", "none")

    @property
    def static(self) -> bool:
        """Whether it is an address."""
        return self not in self.named

    @property
    def prefix(self) -> int | None:
        """The prefix length; None for that of the network."""
        _, slash, prefix = self.partition("/")
        return int(prefix) if slash else None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        characters = "[0-9.]+" if cls.family == 4 else "[0-9a-fA-F:.]+"
        return {
            "anyOf": [
                {"enum": list(cls.named)},
                _string(pattern=f"^{characters}(/[0-9]{{1,3}})?$"),
            ]
        }


class Ipv4Choice(_Choice):
    words = "pool | none | an IPv4 address"
    family = 4


class Ipv6Choice(_Choice):
    words = "pool | none | an IPv6 address"
    family = 6


class Ipv4OrDhcp(Ipv4Choice):
    """An IPv4 address, or `dhcp`."""

    words = "pool | dhcp | none | an IPv4 address"
    named = ("pool", "none", "dhcp")


class Ipv6OrSlaac(Ipv6Choice):
    """An IPv6 address, or `slaac`."""

    words = "pool | slaac | none | an IPv6 address"
    named = ("pool", "none", "slaac")


class _Gateway(str):
    """`auto`, `none`, or the address of a router of one family."""

    words: ClassVar[str]
    family: ClassVar[int]

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        return cls(text if text in ("auto", "none") else _address(text, cls.words, cls.family))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["auto", "none"]}, _string(format=f"ipv{cls.family}")]}


class Ipv4Gateway(_Gateway):
    words = "auto | none | an IPv4 address"
    family = 4


class Ipv6Gateway(_Gateway):
    words = "auto | none | an IPv6 address"
    family = 6


class Subnet(_Address):
    """A network of one family: 192.168.1.0/24."""

    words: ClassVar[str] = "a network such as 192.168.1.0/24"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        if "/" not in text:
            raise BadValueError(f"{shown(text)} is not {cls.words}")
        return cls(_network(text, cls.words))

    @property
    def network(self) -> Network:
        import ipaddress

        return ipaddress.ip_network(str(self))

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return _string(pattern=r"^[0-9a-fA-F:.]+/[0-9]{1,3}$")


def _network(text: str, words: str) -> Network:
    import ipaddress

    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BadValueError(f"{shown(text)} is not {words}") from None
    if ipaddress.ip_address(text.partition("/")[0]) != network.network_address:
        raise BadValueError(
            f"{shown(text)} is an address in a network: for the network, write {network}"
        )
    if not network.prefixlen or network.is_multicast:
        raise BadValueError(f"{shown(text)} is not a network of hosts")
    return network


class AddressRange(_Address):
    """Addresses of one family: FIRST-LAST, or a network, meaning its host addresses."""

    words: ClassVar[str] = "an address range"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        if "%" in text:
            raise BadValueError(f"{shown(text)}: addresses in a range have no %")
        if "/" in text:
            return cls(_network(text, cls.words))
        first, dash, last = text.partition("-")
        if not dash:
            raise BadValueError(f"{shown(text)} is not {cls.words}: write FIRST-LAST, or a network")
        low, high = (_address(end.strip(), "an IP address") for end in (first, last))
        if low.version != high.version:
            raise BadValueError(
                f"{shown(text)} begins with IPv{low.version} and ends with IPv{high.version}"
            )
        if int(low) > int(high):
            raise BadValueError(f"{shown(text)} runs backwards: write {high}-{low}")
        return cls(f"{low}-{high}")

    def _ends(self) -> tuple[Ip, Ip]:
        import ipaddress

        first, dash, last = self.partition("-")
        if dash:
            return ipaddress.ip_address(first), ipaddress.ip_address(last)
        network = ipaddress.ip_network(str(self))
        low, high = network[0], network[-1]
        if network.prefixlen >= network.max_prefixlen - 1:
            return low, high
        return low + 1, high - 1 if network.version == 4 else high

    @property
    def first(self) -> Ip:
        return self._ends()[0]

    @property
    def last(self) -> Ip:
        return self._ends()[1]

    @property
    def total(self) -> int:
        """Return the number of addresses."""
        first, last = self._ends()
        return int(last) - int(first) + 1

    def __contains__(self, address: object) -> bool:
        """Return whether an address (of ipaddress, or as text) is in the range."""
        import ipaddress

        try:
            wanted = ipaddress.ip_address(str(address).partition("/")[0])
        except ValueError:
            return False
        first, last = self._ends()
        return wanted.version == first.version and int(first) <= int(wanted) <= int(last)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return _string(pattern=r"^[0-9a-fA-F:.]+(/[0-9]{1,3}| *- *[0-9a-fA-F:.]+)$")
