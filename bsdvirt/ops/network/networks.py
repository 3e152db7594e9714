"""Networks: create, set, destroy and list them."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, ConflictError, NotFoundError, UsageError
from bsdvirt.facts.host import may_filter_vlans
from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.facts.packetfilter import PfFacts
from bsdvirt.guest.inventory import Inventory, load_guest_file
from bsdvirt.kinds import kind_of
from bsdvirt.layout import network_file, network_rules, pf_file
from bsdvirt.net import address
from bsdvirt.net import bridge as plans
from bsdvirt.net.change import Port, plan_set
from bsdvirt.net.files import RESERVED, Networks, need
from bsdvirt.net.pf import unload_steps
from bsdvirt.net.pfsetup import Setup
from bsdvirt.net.uplink import Interfaces, host_interface, refuse_shared
from bsdvirt.ops.network import pf, ports
from bsdvirt.plan.step import Step
from bsdvirt.rows.guest import Route
from bsdvirt.rows.host import NetworkRow
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.fields import plain
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import SLIRP, Nic
from bsdvirt.spec.paths import set_paths

Assignments = Sequence[tuple[str, str]]


def _pf(session: Session, networks: Iterable[Network]) -> PfFacts | None:
    """Read the packet filter, if one of the networks needs it."""
    return pf.read(session) if pf.needed(networks) else None


def users(found: Inventory, network: str) -> list[str]:
    """Return the guests with an interface on the network."""
    return [
        name
        for name, guest in found.guests.items()
        if any(claim.network == network for claim in guest.identity.nics)
    ]


class CreateNetwork(Struct, frozen=True):
    """Make a network. `settings` are properties of it, without `id`; `assignments` more of
    them, by path."""

    name: str
    settings: Mapping[str, Any]
    assignments: Assignments = ()

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises ConflictError if the name is taken, its subnet overlaps one of the host's, or
        another network has its uplink."""
        name = self.name
        with session.locked("network", name, f"network create {name}"), numbering(session):
            networks = session.networks()
            refuse_taken(name, networks)
            network = numbered(networks, name, self.settings, self.assignments)
            interfaces = read_interfaces(session.host)
            if network.vlanfilter and not may_filter_vlans(session.host):
                from bsdvirt.net.vlans import lacking

                raise lacking(name)
            refuse_shared(name, network, networks)
            _refuse_overlap(name, network, interfaces.values())
            more, added = _translation(session, name, network)
            plan = plans.plan_create(name, network, interfaces, session.new_op(), more)
            notes = (*added, *_without_pool(name, network))
            yield Prepared(session, [Task(name, (Part(plan),), "created", notes)])


def _without_pool(name: str, network: Network) -> list[str]:
    """Return a note for a network whose guests are given no addresses."""
    subnets = network.subnets_of(4)
    if network.pools or not subnets:
        return []
    return [
        f"no pool: guests on it get no address of their own accord"
        f" (bsdvirt network set {name} pools.0=FIRST-LAST, within {subnets[0]})"
    ]


def _translation(
    session: Session, name: str, network: Network, before: Network | None = None
) -> tuple[list[Step], list[str]]:
    """Return the steps that set `nat` of a network up, or remove it; with notes on what is set up
    on the host, and on what is left to do by hand."""
    if not network.nat and not (before is not None and before.nat):
        return [], []
    facts = pf.read(session)
    ready = pf.set_up(session, network, facts) if network.nat else Setup((), facts)
    steps = [*ready.steps, *pf.network_steps(name, network, ready.facts)]
    notes = [step.why for step in ready.steps] + [f"nat: inactive: {a}" for a in ready.advice]
    notes += [f"nat: only until the next boot: {a}" for a in ready.until_boot]
    if network.nat and not ready.advice:
        why = pf.state(network, ready.facts)[1]
        notes += [f"nat: inactive: {why}"] if why else []
    return steps, notes


def _wanted(
    number: int, name: str, settings: Mapping[str, Any], assignments: Assignments
) -> Network:
    """Return the new network, validated as a whole."""
    for path, _ in assignments:
        if path.split(".")[0] in settings:
            raise UsageError(f"network {name}: {path} is given twice", "as an option, or by name")
        if path == "id":
            raise UsageError(f"network {name}: its id is assigned", "leave id out")
    return set_paths(Network(id=number), assignments, settings, f"network {name}")


class SetNetwork(Struct, frozen=True):
    """Set properties of a network, live if it is up. Nothing is written if one of them is wrong."""

    name: str
    assignments: Assignments

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError, UsageError, and ConflictError for what the claims of its guests,
        or those that run, do not allow."""
        verb = f"network set {self.name}"
        with session.locked("network", self.name, verb), session.locked("allocation", "", verb):
            yield Prepared(session, [_set(session, self.name, self.assignments)])


def _set(session: Session, name: str, assignments: Assignments) -> Task:
    networks = session.networks()
    before = need(networks, name)
    after = set_paths(before, assignments)
    for fixed in ("id", "bridge", "vlanfilter"):
        if getattr(before, fixed) != getattr(after, fixed):
            raise ConflictError(
                f"network {name}: {fixed} is fixed at creation", "create another network"
            )
    interfaces = read_interfaces(session.host)
    refuse_shared(name, after, networks)
    if before.addresses != after.addresses:
        _refuse_overlap(name, after, interfaces.values())
    text = session.host.fs.read_text(network_file(name))
    more, notes = _translation(session, name, after, before)
    plan = plan_set(
        name, before, after, (text, edit_yaml(text, before, after)), interfaces,
        _ports(session, name), session.new_op(), more,
    )  # fmt: skip
    message = plan.reason if plan.empty else "set"
    return Task(name, (Part(plan),), message, (*plan.notes, *notes))


def _ports(session: Session, network: str) -> list[Port]:
    """Return the interfaces of guests on the network."""
    ports: list[Port] = []
    found = session.inventory()
    for name, guest in sorted(found.guests.items()):
        identity = guest.identity
        every = (identity.nics, identity.next or [])
        if not any(claim.network == network for claims in every for claim in claims):
            continue
        nics: Sequence[Nic] = ()
        with contextlib.suppress(BsdvirtError):
            nics = load_guest_file(session.host.fs, found.home(name), name).nics
        for index in range(max(map(len, every))):
            claims = tuple(
                c[index] for c in every if index < len(c) and c[index].network == network
            )
            if claims:
                nic = nics[index] if index < len(nics) else None
                mine = nic if nic is not None and nic.network == network else None
                port = kind_of(guest).port(identity.id, index)
                ports.append(Port(name, mine, claims, port))
    return ports


class DestroyNetwork(Struct, frozen=True):
    """Destroy a network, also one whose file cannot be read."""

    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError, and ConflictError if it is in use."""
        name = self.name
        with session.locked("network", name, f"network destroy {name}", destroying=True):
            try:
                task = destroy_task(session, name)
            except NotFoundError:
                session.supersede("network", name)
                raise
            yield Prepared(session, [task])


def destroy_task(session: Session, name: str, *, going: Collection[str] = ()) -> Task:
    """Plan the destruction of a network; its lock is held. The guests in `going` are destroyed
    before."""
    networks = session.networks()
    error = networks.broken.get(name)
    found = session.inventory()
    interfaces = _without(read_interfaces(session.host), found, going)
    using = [guest for guest in users(found, name) if guest not in going]
    rules = network_rules(name)
    flushed = (
        [*unload_steps(rules, f"network {name} translated")]
        if session.host.fs.exists(pf_file(rules))
        else []
    )
    op = session.new_op()
    notes: tuple[str, ...] = ()
    if error is None:
        network = need(networks, name)
        plan = plans.plan_destroy(name, network, interfaces, using, op, flushed)
    else:
        number = networks.broken_ids.get(name)
        plan = plans.plan_destroy_broken(name, number, interfaces, using, op, flushed)
        notes = (f"its file could not be read: {error.message}",)
    # What was cut short of it is moot once it is destroyed.
    done = lambda: session.supersede("network", name)  # noqa: E731
    return Task(name, (Part(plan),), "destroyed", notes, after=done)


def _without(interfaces: Interfaces, found: Inventory, going: Collection[str]) -> Interfaces:
    """Return the interfaces as they are once these guests are gone."""
    gone = {
        interface
        for name, guest in found.guests.items()
        if name in going
        for interface in kind_of(guest).host_interfaces(guest.identity.id)
    }
    return {
        name: replace(face, members=tuple(m for m in face.members if m not in gone))
        for name, face in interfaces.items()
        if name not in gone
    }


def numbering(session: Session) -> Any:
    """Take the allocation lock, under which ids and subnets are given."""
    return session.locked("allocation", "", "network create")


def refuse_taken(name: str, networks: Networks) -> None:
    """Raises ConflictError if there is a network of that name, broken or not."""
    if name == SLIRP:
        raise ConflictError(RESERVED, "bsdvirt nic add GUEST --network slirp")
    if name in networks.broken:
        message = networks.broken[name].message
        raise ConflictError(
            f"network {name} already exists, and its file is invalid: {message}",
            f"correct {network_file(name)}, or bsdvirt network destroy {name}",
        )
    if name in networks:
        raise ConflictError(f"network {name} already exists", network_file(name))


def numbered(
    networks: Networks, name: str, settings: Mapping[str, Any], assignments: Assignments
) -> Network:
    """Return a new network with the next free id. Raises UsageError."""
    return _wanted(_free_id(networks), name, settings, assignments)


def _free_id(networks: Networks) -> int:
    taken = {network.id for network in networks.values()} | set(networks.broken_ids.values())
    return next(number for number in range(1000) if number not in taken)


def _refuse_overlap(name: str, network: Network, interfaces: Iterable[Any]) -> None:
    """Raises ConflictError for overlapping subnets: they silently break the second
    (captures/README)."""
    ours = [ipaddress.ip_interface(str(cidr)).network for cidr in network.addresses]
    bridge = plans.bridge_of(network)
    for interface in interfaces:
        if interface.name in (bridge, host_interface(network, bridge)):
            continue
        for text in interface.addresses:
            theirs = ipaddress.ip_interface(text).network
            for own in ours:
                if own.version == theirs.version and own.overlaps(theirs):
                    hint = "choose another subnet"
                    if network.uplink == interface.name:
                        hint = (
                            f"bsdvirt network create {name} --uplink {interface.name}"
                            " --take-address moves its address to the bridge"
                        )
                    raise ConflictError(
                        f"network {name}: {own} overlaps {text} of {interface.name}", hint
                    )


def rows(session: Session) -> list[NetworkRow]:
    """Return a row for each network, by name."""
    known = session.networks()
    interfaces = read_interfaces(session.host)
    found = session.inventory()
    facts = _pf(session, known.values())
    shown = [describe(name, network, interfaces, found, facts) for name, network in known.items()]
    for name, error in known.broken.items():
        using = users(found, name)
        shown.append(NetworkRow(name=name, state="broken", guests=using, error=error.message))
    return sorted(shown, key=lambda row: row.name)


def _state(name: str, network: Network, interfaces: Interfaces) -> tuple[str, str]:
    """Return `up`, `down`, or `partial` if something of it is missing; with the reason."""
    bridge = plans.bridge_of(network)
    present = interfaces.get(bridge)
    if present is None:
        return "down", f"{bridge} does not exist"
    if not present.up:
        return "down", f"{bridge} is not up"
    try:
        missing = plans.up_steps(name, network, interfaces)
    except BsdvirtError as error:
        return "partial", error.message
    return (
        ("partial", f"missing: {', '.join(step.why for step in missing)}")
        if missing
        else ("up", "")
    )


def describe(
    name: str,
    network: Network,
    interfaces: Interfaces,
    found: Inventory,
    facts: PfFacts | None,
) -> NetworkRow:
    """Return the row of a network."""
    nat, nat_why = pf.state(network, facts)
    state, why = _state(name, network, interfaces)
    bridge = plans.bridge_of(network)
    present = interfaces.get(bridge)
    return NetworkRow(
        name=name,
        bridge=bridge,
        uplink=network.uplink,
        vlan=network.vlan,
        private=network.private,
        nat=nat,
        nat_why=nat_why,
        state=state,
        addresses=[str(cidr) for cidr in network.addresses],
        subnets=[str(subnet) for subnet in network.subnets],
        pools=[str(pool) for pool in network.pools],
        gateway=address.gateway(network, 4),
        gateway6=address.gateway(network, 6),
        routes=[Route(**plain(route)) for route in network.routes],
        mtu=network.mtu,
        members=list(present.members) if present else [],
        guests=users(found, name),
        description=network.description,
        config=plain(network),
        error="",
        why=why,
        ports=ports.ports(name, network, present, found),
        use=ports.use(name, network, found),
    )
