"""Create guests from what other tools left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from bsdvirt.errors import UsageError
from bsdvirt.jail.root import FROM_RELEASE
from bsdvirt.layout import Layout
from bsdvirt.library.foreign.found import shown
from bsdvirt.library.private_copy import held
from bsdvirt.net.files import Networks
from bsdvirt.ops.create.guests import Create, Order
from bsdvirt.ops.create.jail import JailOrder
from bsdvirt.ops.create.vm import VmOrder
from bsdvirt.ops.foreign import asks
from bsdvirt.ops.migrate import archives, places
from bsdvirt.ops.migrate.seen import Seen
from bsdvirt.session.prepared import Prepared
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.jail import NO_RELEASE, Jail
from bsdvirt.spec.load import MAX_TEXT, SpecT, decode, dump
from bsdvirt.spec.network import Network
from bsdvirt.spec.nic import POOL
from bsdvirt.spec.paths import set_paths
from bsdvirt.spec.types import Ipv4OrDhcp, Ipv6OrSlaac
from bsdvirt.spec.vm import Vm

VERB = "import"
TOOLS = tuple(places.FROM)
Changes = Sequence[tuple[str, str]]


class Coming(Struct, frozen=True):
    """A guest that is about to be created."""

    name: str
    spec: GuestSpec
    order: Order
    notes: tuple[str, ...]

    @property
    def asks(self) -> dict[str, Any]:
        """Return what it asks of this host."""
        return asks(self.spec, shares=False)


class Migrate(Struct, frozen=True):
    """Create a guest from a file, a directory, or a guest of another tool on this host. It has an
    identity of its own, and does not start at boot."""

    source: str
    """An absolute path, or with `tool` the guest's name there."""
    tool: str = ""
    name: str = ""
    pool: Layout | None = None
    changes: tuple[tuple[str, str], ...] = ()

    @contextlib.contextmanager
    def coming(self, session: Session) -> Iterator[Coming]:
        """Look at it: at a private copy of a file that other users could change."""
        with self._seen(session) as seen:
            yield coming(session, seen, self.name, self.changes)

    @contextlib.contextmanager
    def _seen(self, session: Session) -> Iterator[Seen]:
        if self.tool:
            yield places.of_tool(session, self.tool, self.source)
        elif session.host.fs.is_dir(self.source):
            yield places.look(session, self.source)
        else:
            with held(session, self.source, VERB, self.name or "archive") as file:
                yield archives.look(session, file, self.source)

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Look at it again, and plan."""
        with (
            self.coming(session) as found,
            Create((found.name,), found.order, Boot(), self.pool).prepare(session) as prepared,
        ):
            yield prepared


def coming(session: Session, seen: Seen, given: str, changes: Changes) -> Coming:
    """Return the guest as it will be created. Raises UsageError, as the kind's checks do."""
    found, name = seen.found, seen.name(given)
    left = dict(changes)
    settings = networked(
        dict(found.settings), found.wires, left, session.networks(),
        str(session.hostfile.defaults.network),
    )  # fmt: skip
    notes = list(found.notes)
    if found.auto:
        notes.append(f"it started at boot: bsdvirt set {name} boot.auto=yes")
    if found.after:
        others = shown(", ".join(found.after))
        notes.append(f"it started after {others}: bsdvirt set {name} boot.after=…")
    if seen.origin is None:
        vm = _bounded(set_paths(decode(Vm, settings, name), list(left.items())), name)
        return Coming(name, vm, VmOrder(vm, notes=tuple(notes), fills=seen.fills), tuple(notes))
    jail = decode(Jail, {**settings, "release": NO_RELEASE}, name)
    jail = _bounded(set_paths(jail, list(left.items())), name)
    origin = seen.origin or FROM_RELEASE
    order = JailOrder(jail, origin=origin, notes=tuple(notes))
    return Coming(name, jail, order, tuple(notes))


def _bounded(spec: SpecT, name: str) -> SpecT:
    """Return a guest whose file can be read again. Raise UsageError for a longer one."""
    if len(dump(spec)) > MAX_TEXT:
        raise UsageError(
            f"{name}: its configuration is longer than {MAX_TEXT >> 10} KiB", "shorten it there"
        )
    return spec


def networked(
    settings: dict[str, Any],
    wires: Sequence[str],
    changes: dict[str, str],
    networks: Networks,
    usual: str,
) -> dict[str, Any]:
    """Return the settings with a network for each interface: the one that the user names
    (nics.0.network=NAME, taken from `changes`), the one that its address belongs to, or the usual
    one. Raise UsageError for an address that no network has."""
    if "nics" in changes:
        return {key: value for key, value in settings.items() if key != "nics"}
    nics = []
    for number, nic in enumerate(settings.get("nics", [])):
        name = changes.pop(f"nics.{number}.network", "") or _holding(nic, networks)
        changed = {key for key in ("address", "address6") if f"nics.{number}.{key}" in changes}
        nic = {key: value for key, value in nic.items() if key not in changed}
        fixed = [nic[key] for key in ("address", "address6") if _fixed(nic.get(key, POOL))]
        if not name and fixed:
            wire = wires[number] if number < len(wires) else ""
            raise UsageError(
                f"interface {number} has the address {fixed[0]}, which no network here has"
                + (f"; it was connected to {wire}" if wire else ""),
                f"nics.{number}.network=NETWORK names one, nics.{number}.address=pool takes an"
                " address of it; see bsdvirt network ls",
            )
        nics.append({**nic, "network": name or usual})
    return {**settings, "nics": nics} if "nics" in settings else settings


def _fixed(address: str) -> bool:
    return address not in (POOL, "dhcp", "slaac", "none")


def _holding(nic: Mapping[str, Any], networks: Networks) -> str:
    """Return the network that an interface's address belongs to; empty if none."""
    chosen = [
        kind(nic[key]).address
        for key, kind in (("address", Ipv4OrDhcp), ("address6", Ipv6OrSlaac))
        if _fixed(nic.get(key, POOL))
    ]
    for name, network in networks.items():
        if any(_has(network, address) for address in chosen):
            return str(name)
    return ""


def _has(network: Network, address: str | None) -> bool:
    import ipaddress

    if address is None:
        return False
    ip = ipaddress.ip_address(address)
    nets = [
        ipaddress.ip_network(str(one), strict=False)
        for one in (*network.addresses, *network.subnets)
    ]
    return any(ip.version == net.version and ip in net for net in nets)
