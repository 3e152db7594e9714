"""ifconfig(8): create, name, describe, group, join, address and move interfaces."""

from __future__ import annotations

import ipaddress
import random
import re

from bsdvirt_sim.context import Run, key
from bsdvirt_sim.net import ifbridge, routes
from bsdvirt_sim.net.ifshow import bridge_of, show, stack
from bsdvirt_sim.state import Inet, Interface

MAX_NAME = 15
_UNIT = re.compile(r"(bridge|epair|tap|vlan)(\d*)")


def ifconfig(run: Run, words: list[str]) -> int:
    """Run ifconfig(8) in the host's own network stack."""
    if words[:1] == ["-j"]:
        return within(run, words[1:])
    if words == ["-a"]:
        run.reads()
        for face in stack(run, 0):
            show(run, face)
        return 0
    if words == ["-l"]:
        run.reads()
        run.print(" ".join(face.name for face in stack(run, 0)))
        return 0
    if len(words) == 2 and words[0] == "-g":
        run.reads()
        for face in stack(run, 0):
            if words[1] in face.groups:
                run.print(face.name)
        return 0
    if not words or words[0].startswith("-"):
        raise run.unknown()
    if len(words) == 1 or words[1:] == ["inet6"]:
        run.reads()
        show(run, _find(run, words[0], 0), "".join(words[1:]))
        return 0
    run.changes()
    return configure(run, words, 0)


def within(run: Run, words: list[str]) -> int:
    """Run `ifconfig -j JAIL ...` (ifconfig.c), whose usage text is left out where it has no -j."""
    if not run.release.tools_reach_jails:
        run.reads()
        raise run.fail("ifconfig: illegal option -- j")
    jail = run.jail(words[0])
    if jail is None:
        run.reads()
        raise run.fail("ifconfig: jail not found: No such file or directory")
    if len(words) == 2 or words[2:] == ["inet6"]:
        run.reads()
        show(run, _find(run, words[1], jail.jid), "".join(words[2:]))
        return 0
    run.changes()
    return configure(run, words[1:], jail.jid)


def configure(run: Run, words: list[str], jail: int) -> int:
    """Run `ifconfig IF words...` in a network stack."""
    name, rest = words[0], words[1:]
    if rest[0] == "create" and jail == 0:
        return _create(run, name, rest[1:])
    if rest[0] == "-vnet":
        return _return(run, name, rest)
    face = _find(run, name, jail)
    named = _Apply(run, face, jail).all(rest)
    if named:
        run.print(named)
    return 0


def _find(run: Run, name: str, jail: int) -> Interface:
    face = run.interface(name, jail)
    if face is None:
        raise run.fail(f"ifconfig: interface {name} does not exist")
    return face


def _create(run: Run, name: str, rest: list[str]) -> int:
    match = _UNIT.fullmatch(name)
    if match is None:
        raise run.unknown("an interface of that kind is not simulated")
    kind, number = match[1], match[2]
    if not number:
        run.only_wide("create with a unit, so that a plan knows the name")
        number = str(_free_unit(run, kind))
    elif _unit_taken(run, kind, number):
        raise run.fail(f"ifconfig: interface {name} already exists")
    tagged = _tagged(run, name, rest) if kind == "vlan" else None
    face = _make(run, kind, number)
    if tagged is not None:
        face.vlan, parent = tagged
        face.parent, face.mac, face.hwaddr = parent.name, parent.mac, parent.mac
        face.mtu = ifbridge.room(parent)
        rest = rest[4:]
    named = face.name if face.name != name else ""
    if rest:
        apply = _Apply(run, face, 0)
        apply.named = named
        named = apply.all(rest)
    if named:
        run.print(named)
    return 0


def _tagged(run: Run, name: str, rest: list[str]) -> tuple[int, Interface]:
    """Return the tag and the parent: `vlan N vlandev IF`, the first words."""
    if len(rest) < 4 or rest[0] != "vlan" or rest[2] != "vlandev" or not rest[1].isdigit():
        raise run.unknown("a vlan is made with its tag and its parent")
    parent = run.interface(rest[3])
    if parent is not None and parent.kind == "bridge" and not run.release.bridge_filters:
        raise run.unknown("a vlan on a bridge is not simulated")
    if parent is None:
        raise run.fail(f"ifconfig: SIOCIFCREATE2 ({name}): Device not configured")
    if any(
        face.kind == "vlan" and (face.parent, face.vlan) == (parent.name, int(rest[1]))
        for face in run.state.interfaces.values()
    ):
        raise run.fail(f"ifconfig: interface {name} already exists")
    return int(rest[1]), parent


def _units(kind: str, number: str) -> list[str]:
    return [f"epair{number}a", f"epair{number}b"] if kind == "epair" else [f"{kind}{number}"]


def _unit_taken(run: Run, kind: str, number: str) -> bool:
    units = _units(kind, number)
    return any(face.unit in units or face.name in units for face in run.state.interfaces.values())


def _free_unit(run: Run, kind: str) -> int:
    number = 0
    while _unit_taken(run, kind, str(number)):
        number += 1
    return number


def _make(run: Run, kind: str, number: str) -> Interface:
    made: list[Interface] = []
    noise = [random.randrange(256) for _ in range(4)]
    for unit in _units(kind, number):
        run.state.last_index += 1
        if kind == "epair" and not run.release.netlink:
            octets = [2, *noise, 0x0A if unit.endswith("a") else 0x0B]
        else:
            # FreeBSD's own prefix of generated addresses.
            octets = [0x58, 0x9C, 0xFC, 0x10, *noise[:2]]
        mac = ":".join(f"{octet:02x}" for octet in octets)
        face = Interface(unit, kind, unit, run.state.last_index, mac, mac, groups=[kind])
        run.state.interfaces[unit] = face
        made.append(face)
    if kind == "epair":
        made[0].peer, made[1].peer = made[1].unit, made[0].unit
    return made[0]


def _return(run: Run, name: str, rest: list[str]) -> int:
    """Run `ifconfig IF -vnet JAIL`: return an interface from a jail's network stack."""
    if len(rest) != 2:
        raise run.unknown()
    jail = run.jail(rest[1])
    if jail is None:
        raise run.fail(f'ifconfig: jail "{rest[1]}" not found')
    face = run.interface(name, jail.jid)
    if face is None:
        raise run.fail(f"ifconfig: SIOCSIFRVNET({jail.jid}, {name}): Device not configured")
    move(run, face, 0)
    return 0


def move(run: Run, face: Interface, jail: int) -> None:
    """Move an interface between network stacks: it goes down, and loses addresses and groups;
    its description stays (if_vmove)."""
    faces = run.state.interfaces
    bridge = bridge_of(run, face)
    if bridge is not None:
        del bridge.members[face.name]
    del faces[key(face.name, face.jail)]
    face.jail, face.up = jail, False
    face.groups, face.addresses, face.ifdisabled = [], [], True
    face.rtadv = False
    if face.kind == "epair" and (jail or run.release.keeps_groups):
        # In a jail the group of its kind is shown; back outside, not in every release.
        face.groups = ["epair"]
    faces[key(face.name, jail)] = face


def destroy(run: Run, face: Interface) -> None:
    """Destroy an interface; of an epair both ends, in any stack."""
    victims = [face]
    if face.peer:
        victims += [other for other in run.state.interfaces.values() if other.unit == face.peer]
    for victim in victims:
        bridge = bridge_of(run, victim)
        if bridge is not None:
            del bridge.members[victim.name]
        del run.state.interfaces[key(victim.name, victim.jail)]
        if not victim.jail:
            routes.departed(run, victim)
        for vlan in run.state.interfaces.values():
            if vlan.kind == "vlan" and vlan.parent == victim.name and not victim.jail:
                vlan.parent, vlan.vlan = "", 0


class _Apply:
    """The words after the interface's name, one after the other."""

    def __init__(self, run: Run, face: Interface, jail: int) -> None:
        self.run = run
        self.face = face
        self.jail = jail
        self.named = ""
        self.words: list[str] = []

    def all(self, words: list[str]) -> str:
        """Apply all words. Return the name to print at the end, where one is due (on failure
        too)."""
        self.words = list(words)
        try:
            while self.words:
                self._one(self.words.pop(0))
        except Exception:
            if self.named:
                self.run.print(self.named)
            raise
        return self.named

    def _value(self) -> str:
        if not self.words:
            raise self.run.unknown("a word lacks its value")
        return self.words.pop(0)

    def _one(self, word: str) -> None:
        run, face = self.run, self.face
        match word:
            case "name":
                self._rename(self._value())
            case "descr":
                face.descr = self._value()
            case "group":
                self._group(self._value())
            case "-group":
                group = self._value()
                # ifconfig prints nothing where it was in no such group.
                face.groups = [other for other in face.groups if other != group]
            case "ether":
                face.mac = self._value().lower()
            case "mtu":
                ifbridge.set_mtu(run, face, int(self._value()))
            case "up" | "down":
                face.up = word == "up"
                self._link_local()
            case "-txcsum" | "-txcsum6":
                if face.kind != "epair":
                    raise run.unknown(f"{word} of that kind of interface")
                if run.state.release.startswith("13."):
                    # An epair of 13 supports no SIOCSIFCAP (if_epair.c).
                    raise run.fail(f"ifconfig: {word}: Invalid argument")
            case "auto_linklocal" | "accept_rtadv":
                # Flags of nd6: router advertisements are not simulated.
                face.rtadv = face.rtadv or word == "accept_rtadv"
            case "-ifdisabled":
                face.ifdisabled = False
                self._link_local()
            case "inet" | "inet6":
                self._inet(word)
            case "addm" | "deletem" | "private" | "-private":
                self._member(word, self._value())
            case _ if ifbridge.is_vlan_word(run, word):
                self._vlans(word)
            case "vnet":
                self._vnet(self._value())
            case "destroy":
                if self.words or face.kind in ("ether", "lo"):
                    raise run.unknown()
                destroy(run, face)
            case _:
                raise run.unknown(f"word {word}")

    def _member(self, word: str, name: str) -> None:
        run, face = self.run, self.face
        ifbridge.member(run, face, word, name)
        while word == "addm" and self.words[:1] in (["untagged"], ["tagged"]):
            given = self.words.pop(0)
            if ifbridge.is_vlan_word(run, given):
                ifbridge.set_vlans(run, face, given, name, self._value())

    def _vlans(self, word: str) -> None:
        """Run vlanfilter, and the words for VLANs of a member."""
        run, face = self.run, self.face
        if face.kind != "bridge" or word in ("untagged", "tagged"):
            raise run.unknown(f"word {word}")
        if word == "vlanfilter":
            face.filters = True
        else:
            name = self._value()
            ifbridge.set_vlans(run, face, word, name, "" if word[0] == "-" else self._value())

    def _rename(self, new: str) -> None:
        run, face = self.run, self.face
        if len(new) > MAX_NAME:
            raise run.fail("ifconfig: ioctl SIOCSIFNAME (set name): File name too long")
        if new == face.name:
            return
        if run.interface(new, self.jail) is not None:
            raise run.fail("ifconfig: ioctl SIOCSIFNAME (set name): File exists")
        bridge = bridge_of(run, face)
        if bridge is not None:
            bridge.members = {
                (new if member == face.name else member): private
                for member, private in bridge.members.items()
            }
            if face.name in bridge.tags:
                bridge.tags[new] = bridge.tags.pop(face.name)
        # In place, so that interfaces stay in the order of their creation.
        old = key(face.name, face.jail)
        faces = run.state.interfaces
        face.name = new
        faces[key(new, face.jail)] = faces.pop(old)
        self.named = new

    def _group(self, group: str) -> None:
        if group[-1:].isdigit():
            raise self.run.fail("ifconfig: setifgroup: group names may not end in a digit")
        # ifconfig prints nothing where it was in the group already.
        if group not in self.face.groups:
            self.face.groups.append(group)

    def _inet(self, kind: str) -> None:
        run, face = self.run, self.face
        text = self._value()
        if kind == "inet6" and text in ("-ifdisabled", "auto_linklocal", "accept_rtadv"):
            self.words.insert(0, text)
            return
        try:
            parsed = ipaddress.ip_interface(text)
        except ValueError:
            raise run.unknown(f"address {text}") from None
        if "/" not in text or parsed.version != (4 if kind == "inet" else 6):
            raise run.unknown(f"address {text}")
        entry = Inet(kind, str(parsed.ip), parsed.network.prefixlen)
        # They may follow the address anywhere: ifconfig acts at the end of the line.
        way = next((word for word in self.words if word in ("alias", "-alias")), "")
        if way:
            self.words.remove(way)
        known = [a for a in face.addresses if a.kind == kind and a.address == entry.address]
        if way == "-alias":
            if not known:
                raise run.fail("ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address")
            position = face.addresses.index(known[0])
            del face.addresses[position]
            if self.jail == 0 and kind == "inet":
                routes.forget(run, text, face, position)
            return
        if bridge_of(run, face) is not None and not ifbridge.members_have_addresses(run):
            raise run.fail("ifconfig: ioctl (SIOCAIFADDR): Invalid argument")
        if known:
            known[0].prefix = entry.prefix
        elif kind == "inet" and way != "alias" and any(a.kind == "inet" for a in face.addresses):
            # Without `alias` the first address is replaced.
            first = next(a for a in face.addresses if a.kind == "inet")
            face.addresses[face.addresses.index(first)] = entry
        else:
            face.addresses.append(entry)
        face.up = True
        if kind == "inet6" and not known and face.kind != "lo":
            entry.dad = "tentative"
        self._link_local()

    def _link_local(self) -> None:
        """Add a link-local address to an interface that is up with IPv6 enabled."""
        face = self.face
        if not face.up or face.ifdisabled or face.kind in ("bridge", "lo"):
            return
        if any(a.address.startswith("fe80:") for a in face.addresses):
            return
        octets = [int(part, 16) for part in face.mac.split(":")]
        octets[0] ^= 2
        eui = bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]])
        address = ipaddress.ip_address(b"\xfe\x80" + bytes(6) + eui)
        face.addresses.append(Inet("inet6", f"{address}%{face.name} scopeid 0x{face.index:x}", 64))

    def _vnet(self, name: str) -> None:
        jail = self.run.jail(name)
        if jail is None:
            raise self.run.fail(f'ifconfig: jail "{name}" not found')
        if "vnet" not in jail.params:
            raise self.run.unknown("moving an interface into a jail without vnet was never shown")
        move(self.run, self.face, jail.jid)
