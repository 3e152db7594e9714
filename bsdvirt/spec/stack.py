"""The network stack of a jail, and its addresses on the stack of the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from bsdvirt.spec.addresses import Cidr, IpAddress
from bsdvirt.spec.base import BadValueError, Names, Spec, prop, text_of
from bsdvirt.spec.types import InterfaceName

if TYPE_CHECKING:
    from bsdvirt.spec.addresses import Ip

Stack = Literal["vnet", "inherit", "shared", "none"]


class AliasAddress(str):
    """An address with its prefix length; by default that of a single host, as in jail(8)."""

    words: ClassVar[str] = "an address, or address/prefix"

    @classmethod
    def parse(cls, value: object) -> Self:
        text = text_of(value, cls.words)
        if "/" in text:
            return cls(Cidr.parse(text))
        address = IpAddress.parse(text)
        return cls(f"{address}/{address.ip.max_prefixlen}")

    @property
    def ip(self) -> Ip:
        return IpAddress(self.partition("/")[0]).ip

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self else 4

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$"}


class SharedAddress(Spec, frozen=True, kw_only=True):
    """An address on the stack of the host."""

    address: Annotated[
        AliasAddress,
        prop(
            "The address, such as 10.0.0.2/24; without a prefix, that of a single host.",
        ),
    ]
    interface: Annotated[
        InterfaceName | None,
        prop(
            "Interface of the host that has it as an alias while the jail runs; without "
            "one, the host must have the address already, and keeps it.",
            names=Names.INTERFACE,
        ),
    ] = None


VNET_RULESET = 5
JAIL_RULESET = 4
"""devfsrules_jail_vnet and devfsrules_jail of /etc/defaults/devfs.rules: a jail without a
stack of its own does not need /dev/pf."""


def check_stack(stack: Stack, addresses: Sequence[SharedAddress], networks: Sequence[str]) -> None:
    """Raise BadValueError for interfaces or addresses that do not fit the stack."""
    if networks and stack != "vnet":
        raise BadValueError(
            f"`stack: {stack}` has no interfaces of its own",
            at="nics",
            hint="remove nics (nics=), or set stack=vnet",
        )
    if addresses and stack != "shared":
        raise BadValueError(
            f"`stack: {stack}` has no addresses of its own",
            at="addresses",
            hint="set stack=shared, or give a nic the address",
        )
    if stack == "shared" and not addresses:
        raise BadValueError(
            "`stack: shared` needs an address",
            at="addresses",
            hint="as addresses: [{interface: em0, address: 10.0.0.2/24}]",
        )
    seen: set[Ip] = set()
    for number, shared in enumerate(addresses):
        if shared.address.ip in seen:
            raise BadValueError(
                f"{shared.address.ip} is given twice", at=f"addresses.{number}.address"
            )
        seen.add(shared.address.ip)


def check_interfaces(stack: str, interfaces: Sequence[str]) -> None:
    """Raise BadValueError for interfaces without `stack: vnet`, and for duplicates."""
    if interfaces and stack != "vnet":
        raise BadValueError(
            f"stack {stack} has no interfaces of its own", at="interfaces", hint="set stack to vnet"
        )
    for number, name in enumerate(interfaces):
        if name in interfaces[:number]:
            raise BadValueError(f"{name} is given twice", at=f"interfaces.{number}")
