"""ifconfig(8) has no libxo output: its text is parsed (captures/02-ifconfig)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD = re.compile(r"^(?P<name>\S+): flags=\w+<(?P<flags>[^>]*)>.*?\bmtu (?P<mtu>\d+)")
_INET = re.compile(r"^inet (?P<address>\S+)(?: --> \S+)? netmask (?P<mask>0x[0-9a-f]{8})")
_INET6 = re.compile(r"^inet6 (?P<address>[^\s%]+)(?:%\S+)? (?:--> \S+ )?prefixlen (?P<length>\d+)")


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the host."""

    name: str
    flags: frozenset[str] = frozenset()
    mtu: int = 1500
    ether: str = ""
    description: str = ""
    groups: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """With prefix length, such as 10.77.0.1/24; link-local IPv6 left out."""

    @property
    def up(self) -> bool:
        return "UP" in self.flags


@dataclass(slots=True)
class _Draft:
    values: dict[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    members: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def interface(self) -> Interface:
        return Interface(
            name=self.values["name"],
            flags=self.flags,
            mtu=int(self.values["mtu"]),
            ether=self.values.get("ether", ""),
            description=self.values.get("description", ""),
            groups=self.groups,
            members=tuple(self.members),
            addresses=tuple(self.addresses),
        )


def parse(text: str) -> dict[str, Interface]:
    """The interfaces of `ifconfig -a`, by name."""
    drafts: list[_Draft] = []
    seen: set[str] = set()
    for line in text.splitlines():
        if (head := _HEAD.match(line)) and head["name"] in seen:
            # A description may hold a line feed, and a jail's root may set one: what
            # it shows below must not pass for an interface that was listed before.
            drafts.append(_Draft({"name": "", "mtu": "0"}))
        elif head:
            seen.add(head["name"])
            flags = frozenset(filter(None, head["flags"].split(",")))
            drafts.append(_Draft({"name": head["name"], "mtu": head["mtu"]}, flags))
        elif drafts:
            _take(drafts[-1], line.strip())
    return {draft.values["name"]: draft.interface() for draft in drafts if draft.values["name"]}


def _take(draft: _Draft, line: str) -> None:
    if line.startswith("description: "):
        draft.values["description"] = line.removeprefix("description: ")
    elif line.startswith("ether "):
        draft.values["ether"] = line.split()[1]
    elif line.startswith("groups: "):
        draft.groups = tuple(line.split()[1:])
    elif line.startswith("member: "):
        draft.members.append(line.split()[1])
    elif inet := _INET.match(line):
        draft.addresses.append(f"{inet['address']}/{int(inet['mask'], 16).bit_count()}")
    elif (inet6 := _INET6.match(line)) and not inet6["address"].lower().startswith("fe80:"):
        draft.addresses.append(f"{inet6['address']}/{inet6['length']}")
