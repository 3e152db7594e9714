"""Bridges, their members and their MTU in ifconfig(8)."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel.sysctl import values
from bsdvirt_sim.net.ifshow import bridge_of
from bsdvirt_sim.state import Interface

_VLAN_MTU = ("ether", "epair")
"""Cards that have room for a VLAN tag beside their MTU."""
_LAST_VLAN = 4094
_LEAST_MTU = 72
"""IF_MINMTU."""


def room(parent: Interface) -> int:
    """Return the largest MTU of a vlan on an interface (if_vlan.c)."""
    return parent.mtu if parent.kind in _VLAN_MTU else parent.mtu - 4


def _takes(run: Run, face: Interface, mtu: int) -> bool:
    """Whether the interface's driver accepts that MTU."""
    parent = run.state.interfaces.get(face.parent) if face.kind == "vlan" else None
    return parent is None or mtu <= room(parent)


def members_have_addresses(run: Run) -> bool:
    """Return net.link.bridge.member_ifaddrs, where bridge(4) has it (in.c, in6.c, if_bridge.c)."""
    return values(run).get("net.link.bridge.member_ifaddrs") != "0"


def set_mtu(run: Run, face: Interface, mtu: int) -> None:
    """Run `ifconfig IF mtu N`."""
    faces = run.state.interfaces
    if run.release.bridge_sets_members:
        _mtu_of_all(run, face, mtu)
        return
    if face.kind == "bridge" and (mtu < 576 or any(faces[m].mtu != mtu for m in face.members)):
        raise run.fail("ifconfig: ioctl SIOCSIFMTU (set mtu): Invalid argument")
    parent = faces.get(face.parent) if face.kind == "vlan" else None
    if parent is not None and mtu > room(parent):
        raise run.fail("ifconfig: ioctl SIOCSIFMTU (set mtu): Invalid argument")
    face.mtu = mtu


def _mtu_of_all(run: Run, face: Interface, mtu: int) -> None:
    """Set a bridge's MTU on its members, or restore it where one refuses."""
    faces = run.state.interfaces
    if bridge_of(run, face) is not None:
        raise run.fail("ifconfig: ioctl SIOCSIFMTU (set mtu): Operation not supported")
    members = [faces[name] for name in face.members]
    if mtu < _LEAST_MTU or not all(_takes(run, one, mtu) for one in (face, *members)):
        raise run.fail("ifconfig: ioctl SIOCSIFMTU (set mtu): Invalid argument")
    for one in (face, *members):
        one.mtu = mtu


def member(run: Run, face: Interface, word: str, name: str) -> None:
    """Run `ifconfig BRIDGE addm|deletem|private|-private IF`."""
    if face.kind != "bridge":
        raise run.unknown("not a bridge")
    if word == "addm":
        _join(run, face, name, run.interface(name))
        face.tags.pop(name, None)
    elif word == "deletem":
        if name not in face.members:
            why = "Interface is not a bridge member"
            raise _refuse(run, "BRDGDEL", name, "No such file or directory", why)
        del face.members[name]
    else:
        if name not in face.members:
            raise run.unknown(f"{word} of what is no member was never shown")
        face.members[name] = word == "private"


def is_vlan_word(run: Run, word: str) -> bool:
    """Whether a word is one of ifbridge.c of 15 for VLANs; where there is none, ifconfig(8) takes
    the word for an address (ifconfig.c and af_inet.c of 13)."""
    if word not in ("untagged", "tagged", "ifuntagged", "-ifuntagged", "iftagged", "vlanfilter"):
        return False
    if not run.release.bridge_filters:
        raise run.fail(f"ifconfig: {word}: bad value")
    return True


def set_vlans(run: Run, face: Interface, word: str, name: str, value: str) -> None:
    """Set the VLANs of a member, as `addm IF untagged N`, or `ifuntagged IF N`, does."""
    untagged, tagged = face.tags.get(name, (0, ""))
    is_one = word.endswith("untagged")
    if is_one and value and not (value.isdigit() and 1 <= int(value) <= _LAST_VLAN):
        raise run.fail(f"ifconfig: invalid VLAN identifier: {value}")
    wanted = "" if is_one else _vlan_set(run, value)
    if name not in face.members:
        ioctl = f"BRDGSIFPVID {value}".rstrip() if is_one else f"BRDGSIFVLANSET {value}"
        why = "Interface is not a bridge member"
        raise run.fail(f"ifconfig: {ioctl}: No such file or directory ({why})")
    face.tags[name] = (int(value or 0), tagged) if is_one else (untagged, wanted)


def _vlan_set(run: Run, text: str) -> str:
    """Return a set as it is shown (parse_vlans and print_vlans)."""
    if text in ("none", "all"):
        return "" if text == "none" else f"1-{_LAST_VLAN}"
    chosen: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise run.fail(f"ifconfig: invalid vlan set: {text}")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= _LAST_VLAN:
            raise run.fail(f"ifconfig: invalid vlan set: {text}")
        chosen |= set(range(low, high + 1))
    spans: list[list[int]] = []
    for vlan in sorted(chosen):
        if spans and spans[-1][1] == vlan - 1:
            spans[-1][1] = vlan
        else:
            spans.append([vlan, vlan])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)


def _join(run: Run, face: Interface, name: str, joins: Interface | None) -> None:
    if joins is None:
        why = "No such interface"
        raise _refuse(run, "BRDGADD", name, "No such file or directory", why)
    if name in face.members:
        why = "Interface is already a member of this bridge"
        raise _refuse(run, "BRDGADD", name, "File exists", why)
    if bridge_of(run, joins) is not None:
        why = "Interface is already a member of another bridge"
        raise _refuse(run, "BRDGADD", name, "Device busy", why)
    if joins.addresses and not members_have_addresses(run):
        why = "Member interface may not have an IP address assigned"
        raise _refuse(run, "BRDGADD", name, "Invalid argument", why)
    if not face.members:
        face.mtu = joins.mtu
    elif face.mtu != joins.mtu:
        if not run.release.bridge_sets_members or not _takes(run, joins, face.mtu):
            why = "Failed to set MTU on new member"
            raise _refuse(run, "BRDGADD", name, "Invalid argument", why)
        joins.mtu = face.mtu
    face.members[name] = False


def _refuse(run: Run, ioctl: str, name: str, error: str, why: str) -> Exception:
    """Print bridge(4)'s refusal, with the kernel's reason where ifconfig(8) shows it."""
    tail = f" ({why})" if run.release.netlink else ""
    return run.fail(f"ifconfig: {ioctl} {name}: {error}{tail}")
