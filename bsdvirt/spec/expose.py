"""Exposed ports: ports of the host that are forwarded to a guest."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

from bsdvirt.spec.addresses import IpAddress, Subnet
from bsdvirt.spec.base import BadValueError, shown, text_of

LOCALHOST = "127.0.0.1"
MOST_FORWARDS = 64
"""Ports that bhyve's user networking is given for one guest."""
_FORM = re.compile(
    r"(tcp|udp):(\d{1,5})(?:-(\d{1,5}))?(?::(\d{1,5})(?:-(\d{1,5}))?)?(?:@([^~]+))?(?:~(.+))?",
    re.ASCII,
)


class Expose(str):
    """A forwarded port: tcp:8080:80 forwards TCP port 8080 of the host to port 80 of the guest.
    Ranges have the same length on both sides. `@` and an address of the host binds to it;
    `~` and a network restricts the source."""

    words: ClassVar[str] = "a port as tcp:8080:80"
    most: ClassVar[int] = 65535

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        match = _FORM.fullmatch(text)
        if match is None:
            raise BadValueError(
                f"{shown(text)} is not {cls.words}: write PROTOCOL:PORT:GUESTPORT, with tcp or udp"
            )
        protocol, first, last, inner, inner_last, address, source = match.groups()
        ports = cls._span(first, last, text)
        own = cls._span(inner or first, inner_last or (last if inner is None else None), text)
        if len(own) == 1 < len(ports):
            own = range(own.start, own.start + len(ports))
            if own[-1] > cls.most:
                raise BadValueError(f"{shown(text)} goes beyond port {cls.most}")
        if len(own) != len(ports):
            raise BadValueError(f"{shown(text)}: the two ranges must have the same length")
        on = f"@{IpAddress.parse(address)}" if address else ""
        only = f"~{Subnet.parse(_as_subnet(source))}" if source else ""
        if address and source and (":" in on) != (":" in only):
            raise BadValueError(
                f"{shown(text)}: {only[1:]} and {on[1:]} are not of the same address family"
            )
        return cls(f"{protocol}:{_ports(ports)}:{_ports(own)}{on}{only}")

    @classmethod
    def _span(cls, first: str, last: str | None, text: str) -> range:
        low, high = int(first), int(last or first)
        if not 0 < low <= cls.most or not 0 < high <= cls.most:
            raise BadValueError(f"{shown(text)}: ports are 1..{cls.most}")
        if low > high:
            raise BadValueError(f"{shown(text)} runs backwards: write {high}-{low}")
        return range(low, high + 1)

    @property
    def protocol(self) -> str:
        return self.partition(":")[0]

    @property
    def ports(self) -> range:
        """The ports of the host."""
        return _range(self._head.split(":")[1])

    @property
    def guest_ports(self) -> range:
        return _range(self._head.split(":")[2])

    @property
    def _head(self) -> str:
        return self.partition("~")[0].partition("@")[0]

    @property
    def source(self) -> Subnet | None:
        """The source network; None for any."""
        _, given, net = self.partition("~")
        return Subnet(net) if given else None

    @property
    def on(self) -> IpAddress | None:
        """The host address to bind to; None for that of the default route."""
        _, at, address = self.partition("~")[0].partition("@")
        return IpAddress(address) if at else None

    def clashes(self, other: Expose) -> bool:
        """Return whether both use a port of the host."""
        if self.protocol != other.protocol:
            return False
        if self.on and other.on and self.on != other.on:
            return False
        if self.source and other.source and not _overlap(self.source, other.source):
            return False
        mine, theirs = self.ports, other.ports
        return mine.start < theirs.stop and theirs.start < mine.stop

    @classmethod
    def schema(cls) -> dict[str, Any]:
        span = "[0-9]{1,5}(-[0-9]{1,5})?"
        return {
            "type": "string",
            "pattern": f"^(tcp|udp):{span}(:{span})?(@[0-9a-fA-F:.]+)?(~[0-9a-fA-F:./]+)?$",
        }


def _as_subnet(text: str) -> str:
    """Return the network of a single host."""
    return text if "/" in text else f"{text}/{128 if ':' in text else 32}"


def _overlap(one: Subnet, other: Subnet) -> bool:
    same = one.version == other.version
    return same and bool(one.network.overlaps(other.network))


def _ports(ports: range) -> str:
    return f"{ports[0]}" if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def refuse_clashes(exposes: list[Expose]) -> None:
    """Raise BadValueError if a port is exposed twice."""
    for number, expose in enumerate(exposes):
        for earlier in exposes[:number]:
            if expose.clashes(earlier):
                raise BadValueError(f"{expose} and {earlier} use the same port", at=f"{number}")
