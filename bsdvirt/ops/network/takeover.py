"""`network create --take-address`: move an uplink's address to a bridge, confirm that, or revert
it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, NotFoundError
from bsdvirt.facts.ifconfig import Interface, read_interfaces
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.sysctl import read_sysrc
from bsdvirt.guest.inventory import Guest, load_guest_file
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.children import detach
from bsdvirt.kinds import is_running
from bsdvirt.layout import TAKING_DIRECTORY, taking_file
from bsdvirt.net import takeover
from bsdvirt.net.takeover import Taking
from bsdvirt.ops.network.networks import Assignments, numbered, numbering, refuse_taken
from bsdvirt.ops.network.networks import rows as confirmed
from bsdvirt.ops.network.pf import LoadRules
from bsdvirt.plan import events
from bsdvirt.rows.host import NetworkRow
from bsdvirt.session.batch import Outcome
from bsdvirt.session.prepared import Part, Prepared, Task, carry_out, carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.network import Network

WITHIN_SECONDS = 60
PAUSE_SECONDS = 0.3


def read_taking(session: Session, name: str) -> Taking | None:
    """Return a move that waits to be confirmed; None if there is none."""
    try:
        text = session.host.fs.read_bytes(taking_file(name))
        return msgspec.json.decode(text, type=Taking)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise HostError(
            f"{taking_file(name)} cannot be read: {error}",
            "restore the address manually (ifconfig), and remove the file",
        ) from error


def takings(session: Session) -> list[str]:
    """Return the networks whose moved address is not confirmed yet."""
    names = session.host.fs.listdir(TAKING_DIRECTORY)
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


class TakeAddress(Struct, frozen=True):
    """Move the address of an uplink to a bridge of a new network, for `within` seconds until it
    is confirmed."""

    name: str
    uplink: str
    settings: Mapping[str, Any]
    assignments: Assignments
    within: int
    again: tuple[str, ...]
    """The global options of the guard's own command."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises ConflictError, HostError and UsageError for an address that cannot be moved."""
        name = self.name
        moved = threading.Event()
        with session.locked("network", name, f"network create {name}"), numbering(session):
            yield Prepared(session, [self._task(session, moved.set)])
        if moved.is_set():
            _load_rules(session)

    def _task(self, session: Session, moved: Callable[[], None]) -> Task:
        name, uplink = self.name, self.uplink
        networks = session.networks()
        refuse_taken(name, networks)
        if other := takings(session):
            raise ConflictError(
                f"network {other[0]} is not confirmed yet",
                f"bsdvirt network confirm {other[0]}, or bsdvirt network revert {other[0]}",
            )
        taking = _read(session, uplink, self.settings, self.within)
        network = numbered(networks, name, takeover.network_of(taking), self.assignments)
        shown = takeover.rc_after(taking)
        guests = [other for other, one in networks.items() if one.uplink == uplink]
        if guests:
            raise ConflictError(
                f"{uplink} is the uplink of network {guests[0]}",
                f"bsdvirt network destroy {guests[0]} first",
            )
        taking = msgspec.structs.replace(taking, network=_wanted(network))
        guard = (*self.again, "network", "revert", name, "--guard", taking.token)
        plan = takeover.plan_take(name, taking, session.new_op())
        confirming = takeover.plan_confirm(name, taking, network, session.new_op())
        notes = [f"rc.conf, once confirmed: {_shown(*one)}" for one in shown.items()]
        notes.append(
            f"confirm it within {self.within} s, from a new login: bsdvirt network confirm {name};"
            f" else {uplink} gets its address back"
        )
        return Task(
            name,
            (Part(plan, journalled=False), Part(confirming, later=True)),
            f"{uplink}'s address is on {taking.bridge}",
            tuple(notes),
            # Before anything is moved: who is cut off must get it back in any case.
            before=lambda: detach(guard),
            varying=(str(taking.until),),
            after=moved,
        )


def _load_rules(session: Session) -> None:
    """Load the rules of translation and exposed ports again: the interface of the default route,
    which they name, is another one now. No lock is held."""
    found = session.inventory()
    jails = read_jails(session.host)
    running: dict[str, tuple[Guest, GuestSpec]] = {}
    for name, guest in found.guests.items():
        if is_running(guest, jails, session.host.fs):
            with contextlib.suppress(BsdvirtError):
                spec = load_guest_file(session.host.fs, guest.layout, name)
                running[name] = (guest, spec)
    carry_out(session, LoadRules(running))


def _shown(variable: str, value: str | None) -> str:
    return f"{variable} is removed" if value is None else f'{variable}="{value}"'


def _wanted(network: Network) -> dict[str, Any]:
    """Return the network's properties without its id, which it gets when it is confirmed."""
    return {key: value for key, value in plain(network).items() if key != "id"}


def _read(session: Session, uplink: str, settings: Mapping[str, Any], within: int) -> Taking:
    """Read the interface, its routes and its rc.conf variables."""
    host = session.host
    interfaces = read_interfaces(host)
    card = interfaces.get(uplink)
    if card is None:
        raise HostError(f"{uplink} does not exist", "ifconfig -l")
    takeover.check(card, interfaces)
    _refuse_shared(session, card)
    rc = _read_rc(host, uplink)
    own = rc.get(f"ifconfig_{takeover.word(uplink)}", rc.get(takeover.DEFAULT, ""))
    dhcp = any(takeover.is_dhcp(word) for word in own.split())
    if not dhcp and host.fs.is_locked(f"/var/run/dhclient/dhclient.{uplink}.pid"):
        raise HostError(
            f"dhclient(8) runs for {uplink}, and rc.conf does not say so",
            f'sysrc ifconfig_{uplink}="DHCP", or end it',
        )
    autoconf = "ACCEPT_RTADV" in card.nd6
    addresses = [a for a in card.addresses if ":" not in a or not autoconf]
    gateway, routes = _read_routes(host, uplink)
    return Taking(
        uplink=uplink,
        bridge=takeover.free_bridge(interfaces, rc),
        ether=card.ether,
        mtu=card.mtu,
        addresses=tuple(sorted(addresses, key=lambda address: ":" in address)),
        autoconf=autoconf,
        gateway=gateway,
        gateway6="" if autoconf else _read_gateway6(host, uplink),
        routes=routes,
        dhcp=dhcp,
        rc=rc,
        network=dict(settings),
        token=session.draws.source(uplink)(16).hex(),
        until=time.time() + within,
    )


def _refuse_shared(session: Session, card: Interface) -> None:
    """Raises ConflictError if a jail has an address on the interface."""
    ours = {text.split("/")[0] for text in card.addresses}
    for name, guest in session.inventory().guests.items():
        if shared := ours & {text.split("/")[0] for text in guest.identity.shares()}:
            raise ConflictError(
                f"{card.name} has the address {shared.pop()} for {name}", f"bsdvirt stop {name}"
            )


def _read_rc(host: Host, uplink: str) -> dict[str, str]:
    names = takeover.variables(uplink)
    known = read_sysrc(host, *names)
    # rc(8) takes aliases up to the first number that is missing.
    missing = next((n for n in names if "_alias" in n and n not in known), None)
    end = len(names) if missing is None else names.index(missing)
    return {name: known[name] for name in names[:end] if name in known}


def _read_routes(host: Host, uplink: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the IPv4 default gateway on the interface, and its other routes by a gateway
    (captures/02-ifconfig: netstat -rn --libxo json)."""
    argv = (tools.NETSTAT, "-rn", "--libxo", "json", "-f", "inet")
    shown = json.loads(host.run(argv, changes=False).check().stdout)
    gateway = ""
    others: list[tuple[str, str]] = []
    families = shown["statistics"]["route-information"]["route-table"]["rt-family"]
    for row in (row for family in families for row in family.get("rt-entry", ())):
        if row["interface-name"] != uplink or "G" not in row["flags"]:
            continue
        if row["destination"] == "default":
            gateway = row["gateway"]
        else:
            others.append((row["destination"], row["gateway"]))
    return gateway, tuple(others)


def _read_gateway6(host: Host, uplink: str) -> str:
    shown = host.run((tools.ROUTE, "-n", "get", "-inet6", "default"), changes=False)
    lines = (line.partition(":") for line in shown.stdout.splitlines())
    values = {key.strip(): value.strip() for key, colon, value in lines if colon}
    return values.get("gateway", "") if values.get("interface") == uplink else ""


def unconfirmed(session: Session) -> list[NetworkRow]:
    """Return a row for each network whose moved address is not confirmed yet."""
    takings_by_name = {name: read_taking(session, name) for name in takings(session)}
    return [
        NetworkRow(
            name=name,
            state="unconfirmed",
            bridge=taking.bridge,
            uplink=taking.uplink,
            subnets=list(taking.addresses),
            why=f"reverted unless confirmed: bsdvirt network confirm {name}",
        )
        for name, taking in takings_by_name.items()
        if taking is not None
    ]


def rows(session: Session) -> list[NetworkRow]:
    """Return a row for each network by name, those that are not confirmed included."""
    return sorted([*confirmed(session), *unconfirmed(session)], key=lambda row: row.name)


class Confirm(Struct, frozen=True):
    """Confirm a moved address: keep it over reboots."""

    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError if there is nothing to confirm, HostError if the address is not
        where it was moved to."""
        name = self.name
        with session.locked("network", name, f"network confirm {name}"), numbering(session):
            taking = _need(session, name)
            networks = session.networks()
            refuse_taken(name, networks)
            network = numbered(networks, name, dict(taking.network), ())
            bridge = read_interfaces(session.host).get(taking.bridge)
            if bridge is None or taking.uplink not in bridge.members:
                raise HostError(
                    f"{taking.bridge} has changed since it was created",
                    f"bsdvirt network revert {name}",
                )
            plan = takeover.plan_confirm(name, taking, network, session.new_op())
            message = f"created on {taking.bridge}, in rc.conf too"
            yield Prepared(session, [Task(name, (Part(plan),), message)])


class Revert(Struct, frozen=True):
    """Move an address back that was not confirmed yet."""

    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError if there is nothing to confirm."""
        name = self.name
        moved = threading.Event()
        with session.locked("network", name, f"network revert {name}"):
            taking = _need(session, name)
            interfaces = read_interfaces(session.host)
            plan = takeover.plan_revert(name, taking, interfaces, session.new_op())
            message = f"{taking.uplink} has its address again"
            part = Part(plan, journalled=False)
            yield Prepared(session, [Task(name, (part,), message, after=moved.set)])
        if moved.is_set():
            _load_rules(session)


def guard(session: Session, name: str, token: str) -> Outcome:
    """Wait until one move is confirmed; revert it if that does not happen in time."""
    while True:
        taking = read_taking(session, name)
        if taking is not None and taking.token != token:
            return Outcome(name, "another taking")
        if taking is None:
            # It may not be written down yet, for a moment.
            if _never(session, name):
                return Outcome(name, "confirmed")
        elif time.time() >= taking.until:
            break
        else:
            _keep_quiet(session.host, taking)
        session.interrupt.check()
        time.sleep(PAUSE_SECONDS)
    try:
        outcome = carry_out_one(session, Revert(name))
    except NotFoundError:
        return Outcome(name, "confirmed")
    words = "not confirmed in time: reverting the address"
    session.sink(events.Warned("", "network revert", name, words))
    return outcome


def _keep_quiet(host: Host, taking: Taking) -> None:
    """End a dhclient(8) that devd(8) has started for the interface again: joining a bridge may take
    its link down for a moment, and rc.conf still says DHCP (devd.conf, rc.d/dhclient)."""
    path = f"/var/run/dhclient/dhclient.{taking.uplink}.pid"
    if not host.fs.is_locked(path):
        return
    interfaces = read_interfaces(host)
    card, bridge = interfaces.get(taking.uplink), interfaces.get(taking.bridge)
    if card is None or bridge is None or taking.uplink not in bridge.members:
        return
    host.run((tools.PKILL, "-F", path), changes=True)
    for address in card.addresses:
        if address in taking.addresses:
            family = "inet6" if ":" in address else "inet"
            host.run((tools.IFCONFIG, taking.uplink, family, address, "-alias"), changes=True)


def _never(session: Session, name: str) -> bool:
    """Return whether the command that was to write the move has ended without doing so."""
    try:
        with session.locked("network", name, "network revert"):
            return read_taking(session, name) is None
    except ConflictError:
        return False


def _need(session: Session, name: str) -> Taking:
    taking = read_taking(session, name)
    if taking is None:
        raise NotFoundError(f"network {name}: there is nothing to confirm", "bsdvirt network ls")
    return taking
