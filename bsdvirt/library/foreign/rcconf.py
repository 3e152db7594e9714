"""rc.conf(5) in a jail's root: the addresses that it gave its interfaces itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bsdvirt.library.foreign.found import Draft
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.nic import POOL
from bsdvirt.spec.types import Ipv4Gateway, Ipv4OrDhcp, Ipv6Gateway, Ipv6OrSlaac

_INTERFACE = re.compile(r"ifconfig_([a-z][a-z0-9_]*?)(_ipv6|_name|_alias\d+)?", re.ASCII)
_SHARED = frozenset({"lo0", "DEFAULT"})
_V4 = re.compile(r"\binet\s+(\S+)(?:\s+netmask\s+(\S+))?")
_V6 = re.compile(r"\binet6\s+(\S+)(?:\s+prefixlen\s+(\d+))?")


def take(draft: Draft, variables: Mapping[str, str]) -> None:
    """Give each interface of the jail the address that its rc.conf has for it, in order."""
    nics = draft.settings.get("nics", [])
    names: list[str] = []
    for key in variables:
        match = _INTERFACE.fullmatch(key)
        if match and not match[2] and match[1] not in _SHARED and match[1] not in names:
            names.append(match[1])
    for number, (nic, name) in enumerate(zip(nics, names, strict=False)):
        _addresses(draft, nic, variables, name)
        if number == 0:
            _routers(draft, nic, variables)


def _addresses(draft: Draft, nic: dict[str, str], variables: Mapping[str, str], name: str) -> None:
    text = variables[f"ifconfig_{name}"]
    if nic.get("address", POOL) == POOL:
        if re.search(r"\b(SYNC)?DHCP\b", text, re.IGNORECASE):
            nic["address"] = "dhcp"
        elif found := _V4.search(text):
            _put(draft, nic, "address", _with_prefix(found[1], found[2] or ""), Ipv4OrDhcp)
    text = variables.get(f"ifconfig_{name}_ipv6", "")
    if nic.get("address6", POOL) == POOL:
        if "accept_rtadv" in text:
            nic["address6"] = "slaac"
        elif found := _V6.search(text):
            _put(draft, nic, "address6", _with_prefix(found[1], found[2] or "64"), Ipv6OrSlaac)


def _routers(draft: Draft, nic: dict[str, str], variables: Mapping[str, str]) -> None:
    for key, variable, own, kind in (
        ("gateway", "defaultrouter", "address", Ipv4Gateway),
        ("gateway6", "ipv6_defaultrouter", "address6", Ipv6Gateway),
    ):
        router = variables.get(variable, "")
        fixed = nic.get(own, POOL) not in (POOL, "dhcp", "slaac", "none")
        if router and router.lower() != "no" and fixed and key not in nic:
            _put(draft, nic, key, router, kind)


def _with_prefix(address: str, mask: str) -> str:
    if "/" in address or not mask:
        return address
    if re.fullmatch(r"0x[0-9a-f]{8}", mask, re.IGNORECASE):
        return f"{address}/{int(mask, 16).bit_count()}"
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", mask, re.ASCII):
        return f"{address}/{sum(int(part).bit_count() for part in mask.split('.'))}"
    return f"{address}/{mask}"


def _put(draft: Draft, nic: dict[str, str], key: str, text: str, kind: type) -> None:
    try:
        nic[key] = str(kind.parse(text))  # type: ignore[attr-defined]
    except BadValueError as error:
        draft.drop(key, text, str(error))
