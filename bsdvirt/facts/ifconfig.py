"""Parse ifconfig(8), which has no libxo output (captures/02-ifconfig)."""

from __future__ import annotations

import re

from msgspec import Struct, field

from bsdvirt.host import tools
from bsdvirt.host.base import Host

ALL = (tools.IFCONFIG, "-a")
_NAME = r"(?P<name>[A-Za-z][A-Za-z0-9_.-]{0,14})"
_HEAD = re.compile(_NAME + r": flags=\w+<(?P<flags>[^>]*)>.*?\bmtu (?P<mtu>\d+)")
_INET = re.compile(r"^inet (?P<address>\S+)(?: --> \S+)? netmask (?P<mask>0x[0-9a-f]{8})")
_INET6 = re.compile(r"^inet6 (?P<address>[^\s%]+)(?:%\S+)? (?:--> \S+ )?prefixlen (?P<length>\d+)")
_VLAN = re.compile(r"^vlan: (?P<tag>\d+) .*parent interface: (?P<parent>\S+)")
_VLANS = re.compile(
    r"^(?:ifmaxaddr|port|role|<unknown role) .*?(?: untagged (?P<untagged>\d+))?"
    r"(?: tagged (?P<tagged>[\d,-]+))?$"
)
"""The last line of a member (bridge_status in ifbridge.c of 15.1)."""
_MEMBER = re.compile(r"^member: (?P<name>\S+)(?: flags=\w+<(?P<flags>[^>]*)>)?")


class Interface(Struct, frozen=True):
    """A network interface of the host."""

    name: str
    flags: frozenset[str] = frozenset()
    mtu: int = 1500
    ether: str = ""
    description: str = ""
    groups: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Addresses with prefix length, such as 10.77.0.1/24; without link-local IPv6."""
    private: tuple[str, ...] = ()
    """Private members, which do not reach each other."""
    filters: bool | None = None
    """Whether the bridge filters VLANs; None if it cannot."""
    vlans: tuple[tuple[str, int, str], ...] = ()
    """Members with VLANs: the name, the untagged one or 0, and the tagged ones."""
    vlan: int = 0
    """VLAN tag of a vlan(4) interface; 0 also if its parent is gone."""
    parent: str = ""
    """Parent of a vlan(4) interface."""
    options: frozenset[str] = frozenset()
    """Enabled options of the interface, such as VLAN_MTU."""
    nd6: frozenset[str] = frozenset()
    """Options of neighbour discovery, such as ACCEPT_RTADV."""
    opened: int = 0
    """Process that has the tap open."""

    @property
    def up(self) -> bool:
        return "UP" in self.flags

    def vlans_of(self, member: str) -> tuple[int, str]:
        """Return the untagged VLAN of a member of the bridge, 0 if none, and its tagged ones."""
        return next(((one, more) for name, one, more in self.vlans if name == member), (0, ""))


class _Draft(Struct):
    values: dict[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    members: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    filters: bool | None = None
    vlans: list[tuple[str, int, str]] = field(default_factory=list)
    options: frozenset[str] = frozenset()
    nd6: frozenset[str] = frozenset()

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
            private=tuple(self.private),
            filters=self.filters,
            vlans=tuple(self.vlans),
            vlan=int(self.values.get("vlan", "0")),
            parent=self.values.get("parent", ""),
            options=self.options,
            nd6=self.nd6,
            opened=int(self.values.get("opened", "0")),
        )


def parse(text: str) -> dict[str, Interface]:
    """Parse `ifconfig -a` into interfaces by name."""
    return parse_all(text)[0]


def parse_all(text: str) -> tuple[dict[str, Interface], set[str]]:
    """Parse `ifconfig -a`: the interfaces by name, and the names whose data may be forged. A
    description, or a name given in a jail, can contain line feeds and imitate another interface;
    check these with parse_one."""
    drafts: list[_Draft] = []
    seen: set[str] = set()
    doubtful: set[str] = set()
    for line in text.split("\n"):
        head = _HEAD.match(line)
        if head and head["name"] not in seen:
            seen.add(head["name"])
            drafts.append(_begin(head))
        elif head or (line and not line[0].isspace()):
            doubtful |= {draft.values["name"] for draft in drafts[-1:]}
            doubtful |= {head["name"]} if head else set()
            drafts.append(_Draft({"name": "", "mtu": "0"}))
        elif drafts:
            _take(drafts[-1], line.strip(" \t"))
    found = {one.values["name"]: one.interface() for one in drafts if one.values["name"]}
    return found, doubtful - {""}


def parse_one(text: str, name: str) -> Interface | None:
    """Parse `ifconfig NAME`: all of its output is about that interface."""
    first, _, rest = text.partition("\n")
    head = _HEAD.match(first)
    if head is None or head["name"] != name:
        return None
    draft = _begin(head)
    for line in rest.split("\n"):
        _take(draft, line.strip(" \t"))
    return draft.interface()


def _begin(head: re.Match[str]) -> _Draft:
    flags = frozenset(filter(None, head["flags"].split(",")))
    return _Draft({"name": head["name"], "mtu": head["mtu"]}, flags)


def _take(draft: _Draft, line: str) -> None:
    if line.startswith("description: "):
        draft.values["description"] = line.removeprefix("description: ")
    elif line.startswith("ether "):
        draft.values["ether"] = line.removeprefix("ether ").strip()
    elif line.startswith("groups: "):
        draft.groups = tuple(line.split()[1:])
    elif member := _MEMBER.match(line):
        draft.members.append(member["name"])
        if "PRIVATE" in (member["flags"] or "").split(","):
            draft.private.append(member["name"])
    elif line.startswith("bridge flags="):
        draft.filters = "VLANFILTER" in _words(line.partition(" defuntagged=")[0])
    elif draft.members and (tags := _VLANS.match(line)):
        untagged, tagged = int(tags["untagged"] or 0), tags["tagged"] or ""
        if untagged or tagged:
            draft.vlans.append((draft.members[-1], untagged, tagged))
    elif vlan := _VLAN.match(line):
        draft.values |= {"vlan": vlan["tag"], "parent": vlan["parent"]}
    elif line.startswith("options="):
        draft.options = _words(line)
    elif line.startswith("nd6 options="):
        draft.nd6 = _words(line)
    elif line.startswith("Opened by PID ") and line.split()[3].isdigit():
        draft.values["opened"] = line.split()[3]
    elif inet := _INET.match(line):
        draft.addresses.append(f"{inet['address']}/{int(inet['mask'], 16).bit_count()}")
    elif (inet6 := _INET6.match(line)) and not inet6["address"].lower().startswith("fe80:"):
        draft.addresses.append(f"{inet6['address']}/{inet6['length']}")


def _words(line: str) -> frozenset[str]:
    """Return the words in angle brackets."""
    return frozenset(filter(None, line.partition("<")[2].rstrip(">").split(",")))


def read_interfaces(host: Host) -> dict[str, Interface]:
    """Return all interfaces: one command, and one more for each interface that untrusted text may
    imitate."""
    shown = host.run(ALL, changes=False).check().stdout
    found, doubtful = parse_all(shown)
    for name in sorted(doubtful):
        alone = host.run((tools.IFCONFIG, name), changes=False)
        one = parse_one(alone.stdout, name) if alone.status == 0 else None
        found.pop(name, None)
        if one is not None:
            found[name] = one
    return found
