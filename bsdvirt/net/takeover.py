"""A network on the host's only interface: the host's address moves from the interface to a bridge.
Pure.

Nothing is permanent until it is confirmed: rc.conf is written only then, so that a reboot reverts
it, as the guard process does. The bridge has the interface's MAC address, as
net.link.bridge.inherit_mac sets it (if_bridge(4)): neighbours and the DHCP server see the same
host. Removing an address from an interface removes every IPv4 route through it (in_ifadown in
in_rmx.c of 13.2 and 15.1), so the default route is added again; an IPv6 default route stays, and is
replaced.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from bsdvirt.errors import HostError, UsageError
from bsdvirt.facts.ifconfig import Interface
from bsdvirt.host import tools
from bsdvirt.layout import NETWORK_DIRECTORY, TAKING_DIRECTORY, network_file, taking_file
from bsdvirt.plan.step import (
    Command,
    FileExists,
    InterfaceExists,
    MakeDirectory,
    Not,
    Plan,
    RemoveFile,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.load import dump
from bsdvirt.spec.network import Network

DHCP_SECONDS = 120.0
"""dhclient(8) waits a minute for a lease by default."""
CLONED = "cloned_interfaces"
DEFAULT = "ifconfig_DEFAULT"
ROUTER6 = "ipv6_defaultrouter"
_DHCP = re.compile(r"(?:SYNC|NOSYNC)?DHCP", re.IGNORECASE)
_KEPT = re.compile(r"-?[a-z0-9_]+|[0-9a-zA-Z./:-]+")
_SAFE = re.compile(r"[A-Za-z0-9 ./:%_=,+-]*")


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """The state before the move: all that is needed to revert it."""

    uplink: str
    bridge: str
    ether: str
    mtu: int = 1500
    addresses: tuple[str, ...] = ()
    """Addresses of the host with prefix lengths, without automatic IPv6 ones."""
    autoconf: bool = False
    """Whether the interface accepts router advertisements."""
    gateway: str = ""
    gateway6: str = ""
    routes: tuple[tuple[str, str], ...] = ()
    """Other IPv4 routes through the interface: destination and gateway."""
    dhcp: bool = False
    """Whether dhclient(8) runs on the interface."""
    rc: dict[str, str] = {}
    """Variables of the interface in rc.conf."""
    network: dict[str, str | int | list[str]] = {}
    """Other properties of the new network."""
    token: str = ""
    """Identifies this move: a guard of an earlier one does nothing."""
    until: float = 0.0
    """Time at which the guard reverts it, in seconds since the epoch."""


def check(card: Interface, interfaces: Mapping[str, Interface]) -> None:
    """Raises HostError if the address of an interface cannot be moved."""
    for other in interfaces.values():
        if card.name in other.members:
            raise HostError(
                f"{card.name} is a member of {other.name} already",
                f"bsdvirt network create NAME --bridge {other.name}, if that has the address",
            )
    if not card.addresses:
        raise HostError(
            f"{card.name} has no address to take", "omit --take-address: --uplink is enough"
        )
    if not card.ether:
        raise HostError(
            f"{card.name} is not an Ethernet card", "choose one for which ifconfig shows `ether`"
        )


def free_bridge(interfaces: Iterable[str], rc: Mapping[str, str]) -> str:
    """Return the first bridgeN that neither exists nor is created at boot."""
    taken = {*interfaces, *rc.get(CLONED, "").split()}
    return next(name for number in range(1000) if (name := f"bridge{number}") not in taken)


def variables(uplink: str) -> tuple[str, ...]:
    """Return the variables of rc.conf that configure an interface (rc.conf(5), network.subr)."""
    card = word(uplink)
    aliases = (f"ifconfig_{card}_alias{number}" for number in range(16))
    return (CLONED, DEFAULT, ROUTER6, f"ifconfig_{card}", f"ifconfig_{card}_ipv6", *aliases)


def rc_after(taking: Taking) -> dict[str, str | None]:
    """Return the new variables of rc.conf; None for those to remove. Raises UsageError for words
    that are not understood, with what to write manually."""
    rc, card, bridge = taking.rc, word(taking.uplink), taking.bridge
    own = f"ifconfig_{card}"
    words = rc.get(own, rc.get(DEFAULT, ""))
    moved, kept = _split(own, words)
    after: dict[str, str | None] = {
        CLONED: " ".join([*rc.get(CLONED, "").split(), bridge]),
        f"create_args_{bridge}": f"ether {taking.ether}",
        f"ifconfig_{bridge}": " ".join([*moved, "addm", taking.uplink, "up"]),
        own: " ".join(["up", *kept]),
    }
    if taking.mtu != 1500:
        after[f"ifconfig_{bridge}"] = " ".join([*moved, "mtu", str(taking.mtu), "addm",
                                                taking.uplink, "up"])  # fmt: skip
    for name, value in rc.items():
        if name.startswith(f"{own}_"):
            new = f"ifconfig_{bridge}_{name.removeprefix(own + '_')}"
            after[new] = _with_link_local(value) if name.endswith("_ipv6") else value
            after[name] = None
    if rc.get(ROUTER6, "").endswith(f"%{taking.uplink}"):
        after[ROUTER6] = f"{rc[ROUTER6].rpartition('%')[0]}%{bridge}"
    for name, text in after.items():
        if text is not None and not _SAFE.fullmatch(text):
            raise UsageError(f"{name} in rc.conf is not understood: {text}", _BY_HAND)
    return after


_BY_HAND = (
    "write the bridge to rc.conf yourself (cloned_interfaces, ifconfig_bridge0), then"
    " bsdvirt network create NAME --bridge bridge0"
)


def _split(name: str, text: str) -> tuple[list[str], list[str]]:
    """Split the words of ifconfig_IF into those for the bridge and those for the interface."""
    words = text.split()
    moved: list[str] = []
    kept: list[str] = []
    while words:
        one = words.pop(0)
        if is_dhcp(one):
            moved.append(one)
        elif one == "inet" or _is_address(one):
            moved += ["inet", words.pop(0)] if one == "inet" and words else ["inet", one]
            while len(words) > 1 and words[0] in ("netmask", "broadcast"):
                moved += [words.pop(0), words.pop(0)]
        elif one in ("inet6", "WPA", "HOSTAP") or not _KEPT.fullmatch(one):
            raise UsageError(f"{name} in rc.conf is not understood: {text}", _BY_HAND)
        elif one != "up":
            kept.append(one)
    return moved, kept


def _is_address(word: str) -> bool:
    try:
        return ipaddress.ip_interface(word).version == 4
    except ValueError:
        return False


def _with_link_local(text: str) -> str:
    """Return the IPv6 options of the bridge, which has no link-local address by default
    (if_bridge(4))."""
    return text if "auto_linklocal" in text else f"{text} auto_linklocal"


def is_dhcp(word: str) -> bool:
    """Whether a word of ifconfig_IF starts dhclient(8)."""
    return _DHCP.fullmatch(word) is not None


def word(interface: str) -> str:
    """Return an interface's name as part of a variable's name (ltr in network.subr)."""
    return re.sub(r"[.\-/+]", "_", interface)


def network_of(taking: Taking) -> dict[str, str | int | list[str]]:
    """Return the network as plain data without its id: the bridge belongs to the host."""
    subnets = {str(ipaddress.ip_interface(a).network): None for a in taking.addresses}
    found: dict[str, str | int | list[str]] = {"bridge": taking.bridge, "subnets": list(subnets)}
    if taking.gateway:
        found["gateway"] = taking.gateway
    if taking.gateway6 and "%" not in taking.gateway6:
        found["gateway6"] = taking.gateway6
    if taking.mtu != 1500:
        found["mtu"] = taking.mtu
    return found | taking.network


def state_step(name: str, taking: Taking) -> tuple[Step, ...]:
    """Save what is needed to revert the move, before it begins."""
    path = taking_file(name)
    return (
        Step(
            MakeDirectory(TAKING_DIRECTORY, 0o700), "the directory of its state",
            unless=FileExists(TAKING_DIRECTORY),
        ),
        Step(
            WriteFile(path, msgspec.json.encode(taking).decode(), 0o600),
            f"the state of {taking.uplink}, to revert to", undo=(Undo(RemoveFile(path)),),
        ),
    )  # fmt: skip


def plan_take(name: str, taking: Taking, op: str) -> Plan:
    """Move the address. A failure is undone at once; an interrupted move is reverted by the
    guard."""
    uplink, bridge = taking.uplink, taking.bridge
    mtu = ("mtu", str(taking.mtu)) if taking.mtu != 1500 else ()
    create = (
        tools.IFCONFIG, bridge, "create", "ether", taking.ether,
        "descr", f"bsdvirt network {name}", *mtu, "up",
    )  # fmt: skip
    back = tuple(Undo(Command(argv)) for argv in _route_back(taking, uplink))
    gone = Undo(Command((tools.IFCONFIG, bridge, "destroy")), InterfaceExists(bridge))
    steps: list[Step] = [*state_step(name, taking)]
    if taking.dhcp:
        steps.append(
            Step(
                Command((tools.SERVICE, "dhclient", "stop", uplink)),
                f"no DHCP on {uplink} any more",
                undo=(Undo(Command(_dhcp_start(uplink), timeout=DHCP_SECONDS)),),
            )
        )
    steps.append(Step(Command(create), f"the bridge of network {name}", undo=(gone, *back)))
    if taking.gateway6:
        steps.append(_forget_route6(taking))
    for address in taking.addresses:
        steps.append(
            Step(
                Command(_alias(uplink, address, "-alias")),
                f"{address} leaves {uplink}",
                undo=(Undo(Command(_alias(uplink, address, "alias"))),),
            )
        )
    join = (tools.IFCONFIG, bridge, "addm", uplink)
    steps.append(Step(Command(join), f"join {uplink} to {bridge}"))
    steps += [Step(Command(argv), why) for argv, why in _settle(taking)]
    return Plan("take address", name, "network", tuple(steps), op=op)


def _settle(taking: Taking) -> Iterator[tuple[tuple[str, ...], str]]:
    """Return the steps for the bridge: addresses, routes, DHCP."""
    bridge = taking.bridge
    if taking.autoconf or any(":" in address for address in taking.addresses):
        accept = ("accept_rtadv",) if taking.autoconf else ()
        yield (
            (tools.IFCONFIG, bridge, "inet6", "-ifdisabled", "auto_linklocal", *accept),
            f"IPv6 on {bridge}",
        )
    for address in taking.addresses:
        yield _alias(bridge, address, "alias"), f"{address} is on {bridge}"
    for argv in _route_back(taking, bridge):
        yield argv, "its routes"
    if taking.dhcp:
        yield (tools.DHCLIENT, "-b", bridge), f"DHCP on {bridge}"


def _alias(interface: str, address: str, way: str) -> tuple[str, ...]:
    family = "inet6" if ":" in address else "inet"
    return (tools.IFCONFIG, interface, family, address, way)


def _dhcp_start(uplink: str) -> tuple[str, ...]:
    return (tools.SERVICE, "dhclient", "start", uplink)


def _forget_route6(taking: Taking) -> Step:
    argv = (tools.ROUTE, "-q", "-n", "delete", "-inet6", "default")
    return Step(Command(argv), "the IPv6 default route is given again below")


def _route_back(taking: Taking, interface: str) -> Iterator[tuple[str, ...]]:
    """Return the steps for the routes, through the interface or the bridge."""
    if taking.gateway:
        yield (tools.ROUTE, "-q", "-n", "add", "default", taking.gateway)
    for destination, gateway in taking.routes:
        yield (tools.ROUTE, "-q", "-n", "add", "-net", destination, gateway)
    if taking.gateway6:
        gateway6 = taking.gateway6
        if "%" in gateway6:
            gateway6 = f"{gateway6.partition('%')[0]}%{interface}"
        yield (tools.ROUTE, "-q", "-n", "add", "-inet6", "default", gateway6)


def plan_revert(
    name: str, taking: Taking, interfaces: Mapping[str, Interface], op: str, why: str = ""
) -> Plan:
    """Move the address back, as far as necessary: each step checks the host."""
    bridge, uplink = taking.bridge, taking.uplink
    card = interfaces.get(uplink)
    lost = [a for a in taking.addresses if card is not None and a not in card.addresses]
    steps: list[Step] = []
    if taking.dhcp and bridge in interfaces:
        pid = f"/var/run/dhclient/dhclient.{bridge}.pid"
        # 1 where nothing runs, 3 where there is no such file (pkill(1)).
        end = Command((tools.PKILL, "-F", pid), ok=(0, 1, 3))
        steps.append(Step(end, f"no DHCP on {bridge} any more"))
    if bridge in interfaces:
        gone = Command((tools.IFCONFIG, bridge, "destroy"))
        steps.append(Step(gone, f"the bridge {bridge}", unless=Not(InterfaceExists(bridge))))
    for address in lost:
        again = Command(_alias(uplink, address, "alias"))
        steps.append(Step(again, f"{address} is on {uplink} again"))
    if lost or bridge in interfaces:
        # 1 where the route is there (route(8)).
        steps += [
            Step(Command(argv, ok=(0, 1)), "its routes") for argv in _route_back(taking, uplink)
        ]
        if taking.dhcp:
            start = Command(_dhcp_start(uplink), ok=(0, 1), timeout=DHCP_SECONDS)
            steps.append(Step(start, f"DHCP on {uplink}"))
    steps.append(Step(RemoveFile(taking_file(name)), f"the state of {uplink}"))
    return Plan(
        "revert network", name, "network", finish=tuple(steps), op=op, must_journal=False,
        notes=(why,) if why else (),
    )  # fmt: skip


def plan_confirm(name: str, taking: Taking, network: Network, op: str) -> Plan:
    """Make the move permanent: rc.conf, and the network's file."""
    steps = [
        Step(
            Command((tools.SYSRC, "-x", variable) if value is None
                    else (tools.SYSRC, f"{variable}={value}")),
            f"{variable} is removed from rc.conf" if value is None else f"{variable} in rc.conf",
            undo=(Undo(_rc_undo(variable, taking.rc.get(variable))),),
            durable=True,
        )
        for variable, value in rc_after(taking).items()
    ]  # fmt: skip
    path = network_file(name)
    steps += [
        Step(
            MakeDirectory(NETWORK_DIRECTORY), "the directory of networks",
            unless=FileExists(NETWORK_DIRECTORY),
        ),
        Step(
            WriteFile(path, dump(network)), f"the network {name}",
            undo=(Undo(RemoveFile(path)),), durable=True,
        ),
    ]  # fmt: skip
    finish = (Step(RemoveFile(taking_file(name)), "the state, which is no longer needed"),)
    return Plan("confirm network", name, "network", tuple(steps), finish, op=op)


def _rc_undo(variable: str, before: str | None) -> Command:
    if before is None:
        return Command((tools.SYSRC, "-x", variable), ok=(0, 1))
    return Command((tools.SYSRC, f"{variable}={before}"))
