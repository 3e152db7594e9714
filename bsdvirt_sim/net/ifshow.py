"""The output of ifconfig(8) for an interface."""

from __future__ import annotations

import ipaddress

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Inet, Interface

_UP, _BROADCAST, _LOOPBACK, _RUNNING, _EPOCH = 0x1, 0x2, 0x8, 0x40, 0x20
_PROMISC, _SIMPLEX, _MULTICAST = 0x100, 0x800, 0x8000
_LOWER_UP = 0x1000000
_NAMES = (
    (_UP, "UP"), (_BROADCAST, "BROADCAST"), (_LOOPBACK, "LOOPBACK"), (_RUNNING, "RUNNING"),
    (_PROMISC, "PROMISC"), (_SIMPLEX, "SIMPLEX"), (_MULTICAST, "MULTICAST"),
    (_LOWER_UP, "LOWER_UP"),
)  # fmt: skip
_OPTIONS = {
    "ether": "80028<VLAN_MTU,JUMBO_MTU,LINKSTATE>",
    "epair": "8<VLAN_MTU>",
    "tap": "80000<LINKSTATE>",
    "vlan": "80000<LINKSTATE>",
    "lo": "680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>",
}
_NETLINK_OPTIONS = {
    "bridge": "10<VLAN_HWTAGGING>",
    "ether": "880028<VLAN_MTU,JUMBO_MTU,LINKSTATE,HWSTATS>",
    "epair": "60001b<RXCSUM,TXCSUM,VLAN_MTU,VLAN_HWTAGGING,RXCSUM_IPV6,TXCSUM_IPV6>",
    "tap": "80000<LINKSTATE>",
    "vlan": "80000<LINKSTATE>",
    "lo": "680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>",
}
_MUTED = "200019<RXCSUM,VLAN_MTU,VLAN_HWTAGGING,RXCSUM_IPV6>"
"""The options of an epair beside a member without checksum offload (bridge_mutecaps)."""
_MEDIA = {
    "ether": ("autoselect (10Gbase-T <full-duplex>)", "active"),
    "epair": ("10Gbase-T (10Gbase-T <full-duplex>)", "active"),
    "tap": ("autoselect", "no carrier"),
    "vlan": ("autoselect (10Gbase-T <full-duplex>)", "active"),
}
# A tap that no process has opened has its link down: bridgestp(4)'s default.
_PATH_COST = {"epair": 2000, "ether": 2000, "tap": 55, "vlan": 2000}
_NETLINK_PATH_COST = _PATH_COST | {"tap": 2000000}
_BRIDGE_TAIL = "maxage 20 holdcnt 6 proto rstp maxaddr 2000 timeout 1200"


def stack(run: Run, jail: int) -> list[Interface]:
    """Return the interfaces of a network stack, in the order of their indices."""
    found = [face for face in run.state.interfaces.values() if face.jail == jail]
    if jail:
        loopback = run.state.jails[jail].lo0
        if loopback is not None:
            found.append(loopback)
    return sorted(found, key=lambda face: face.index if face.kind != "lo" or jail == 0 else 0)


def show(run: Run, face: Interface, family: str = "") -> None:
    """Print one interface; with a family, its addresses only (status() in ifconfig.c)."""
    shown = flags(run, face)
    names = ",".join(name for bit, name in _NAMES if shown & bit)
    run.print(f"{face.name}: flags={shown:x}<{names}> metric 0 mtu {face.mtu}")
    if face.descr:
        run.print(f"\tdescription: {face.descr}")
    if (options := _options(run, face)) is not None:
        run.print(f"\toptions={options}")
    if family:
        for address in face.addresses:
            if address.kind == family:
                run.print("\t" + _address(face, address))
        if family == "inet6":
            run.print(f"\tnd6 options={_nd6(face)}")
        return
    if face.mac:
        run.print(f"\tether {face.mac}")
    if face.hwaddr != face.mac:
        run.print(f"\thwaddr {face.hwaddr}")
    addresses = face.addresses
    if run.release.netlink:
        addresses = sorted(addresses, key=lambda entry: entry.kind)
    for address in addresses:
        run.print("\t" + _address(face, address))
    if face.kind == "bridge":
        _bridge(run, face)
    if face.groups:
        run.print(f"\tgroups: {' '.join(face.groups)}")
    if face.kind == "vlan":
        tag = f"{face.vlan} vlanproto: 802.1q" if face.parent else "0 vlanproto: 0x0000"
        run.print(f"\tvlan: {tag} vlanpcp: 0 parent interface: {face.parent or '<none>'}")
    if face.kind in _MEDIA and (face.kind != "vlan" or face.parent):
        media, status = _MEDIA[face.kind]
        if run.release.netlink and face.kind == "tap":
            media = "1000baseT <full-duplex>"
        status = "active" if face.opened else status
        run.print(f"\tmedia: Ethernet {media}")
        run.print(f"\tstatus: {status}")
    run.print(f"\tnd6 options={_nd6(face)}")
    if face.opened:
        run.print(f"\tOpened by PID {face.opened}")


def _options(run: Run, face: Interface) -> str | None:
    if not run.release.netlink:
        return _OPTIONS.get(face.kind)
    if face.kind == "epair":
        # A bridge disables capabilities of its members, and an epair's end those of its other end.
        ends = [face, *(end for end in run.state.interfaces.values() if end.unit == face.peer)]
        bridges = [bridge for end in ends if (bridge := bridge_of(run, end)) is not None]
        kinds = {run.state.interfaces[name].kind for b in bridges for name in b.members}
        if kinds - {"epair"}:
            return _MUTED
    return _NETLINK_OPTIONS.get(face.kind)


def flags(run: Run, face: Interface) -> int:
    flags = _MULTICAST | (_UP if face.up else 0)
    if run.release.netlink:
        flags |= _LOWER_UP if _is_operational(face) else 0
    if face.kind == "lo":
        return flags | _LOOPBACK | (_RUNNING if face.up else 0)
    flags |= _BROADCAST | _SIMPLEX
    if face.kind in ("epair", "ether"):
        flags |= _RUNNING if run.release.netlink else _RUNNING | _EPOCH
    if face.kind == "vlan" and face.parent:
        flags |= _RUNNING
    if face.opened:
        flags |= _RUNNING
    if face.kind == "bridge" and face.up:
        flags |= _RUNNING
    if bridge_of(run, face) is not None:
        flags |= _PROMISC
    return flags


def _is_operational(face: Interface) -> bool:
    """Return get_operstate() of sys/netlink/route/iface.c: by the medium, or else by UP."""
    if face.kind in ("bridge", "lo"):
        return face.up
    if face.kind == "tap":
        return bool(face.opened)
    return face.kind != "vlan" or bool(face.parent)


def bridge_of(run: Run, face: Interface) -> Interface | None:
    """Return the bridge that the interface is a member of."""
    if face.jail:
        return None
    for other in run.state.interfaces.values():
        if other.kind == "bridge" and face.name in other.members:
            return other
    return None


def _address(face: Interface, entry: Inet) -> str:
    if entry.kind == "inet6":
        address, _, scope = entry.address.partition(" ")
        # An address on an interface with IPv6 disabled stays tentative.
        state = "tentative" if face.ifdisabled else entry.dad
        return f"inet6 {address} prefixlen {entry.prefix}{state and ' ' + state}" + (
            f" {scope}" if scope else ""
        )
    network = ipaddress.ip_network(f"{entry.address}/{entry.prefix}", strict=False)
    text = f"inet {entry.address} netmask 0x{int(network.netmask):08x}"
    if face.kind != "lo":
        text += f" broadcast {network.broadcast_address}"
    return text


def _bridge(run: Run, face: Interface) -> None:
    nobody = "00:00:00:00:00:00"
    run.print(f"\tid {nobody} priority 32768 hellotime 2 fwddelay 15")
    run.print(f"\t{_BRIDGE_TAIL}")
    run.print(f"\troot id {nobody} priority {32768 if face.up else 0} ifcost 0 port 0")
    netlink = run.release.netlink
    if netlink:
        run.print("\tbridge flags=1<VLANFILTER>" if face.filters else "\tbridge flags=0<>")
    for name, private in reversed(face.members.items()):
        member = run.state.interfaces[name]
        flags = (
            "943<LEARNING,DISCOVER,PRIVATE,AUTOEDGE,AUTOPTP>"
            if private
            else "143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>"
        )
        run.print(f"\tmember: {name} flags={flags}")
        cost = (_NETLINK_PATH_COST if netlink else _PATH_COST)[member.kind]
        head, tail = ("", " vlan protocol 802.1q") if netlink else ("ifmaxaddr 0 ", "")
        untagged, tagged = face.tags.get(name, (0, ""))
        tail += f" untagged {untagged}" if untagged else ""
        tail += f" tagged {tagged}" if tagged else ""
        run.print(f"\t        {head}port {member.index} priority 128 path cost {cost}{tail}")


def _nd6(face: Interface) -> str:
    bits, names = 1, ["PERFORMNUD"]
    if face.rtadv:
        bits, names = bits | 0x2, [*names, "ACCEPT_RTADV"]
    if face.ifdisabled:
        bits, names = bits | 0x8, [*names, "IFDISABLED"]
    if face.kind != "bridge":
        bits, names = bits | 0x20, [*names, "AUTO_LINKLOCAL"]
    return f"{bits:x}<{','.join(names)}>"
