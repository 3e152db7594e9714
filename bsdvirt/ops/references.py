"""List what refers to a guest, for rename and destroy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_interface

from msgspec import Struct

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import HostFacts
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, load_guest_file
from bsdvirt.kinds import is_running
from bsdvirt.session.session import Session
from bsdvirt.spec.fields import plain
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.mounts import within
from bsdvirt.spec.network import Network
from bsdvirt.spec.paths import NAME

BOOT_AFTER = "boot.after"
DEVICES = "/dev/zvol"


class Reference(Struct, frozen=True):
    """A place that names a guest, or something of it."""

    holder: str
    """The guest, or the network, that refers."""
    at: str
    """The property, such as mounts.data.source."""
    value: str
    command: str
    """The command that removes it, or corrects it after a rename."""
    network: bool = False

    @property
    def words(self) -> str:
        """Return the reference as a sentence."""
        who = f"network {self.holder}" if self.network else self.holder
        if self.at == BOOT_AFTER:
            return f"{who} waits for {self.value} at boot ({self.command})"
        return f"{who} has {self.at}={self.value} ({self.command})"


def to_guest(session: Session, found: Inventory, name: str, new: str = "") -> list[Reference]:
    """Return all that refers to a guest, by the files of the other guests and of networks. The
    commands remove the reference, or change it to `new`."""
    guest = found.guest(name)
    references: list[Reference] = []
    for other in found.guests.values():
        if other.name != name:
            references += _waits(other, name, new)
            references += _paths(other, _spec(session, found, other, guest), guest, new)
    if not new:
        references += _routes(session.networks(), guest)
    return references


def left_running(
    session: Session, found: Inventory, facts: HostFacts, name: str, going: Sequence[str]
) -> tuple[str, ...]:
    """Return a note on the guests that start after this one at boot and keep running while it is
    stopped."""
    left = [
        other.name
        for other in found.guests.values()
        if name in map(str, other.identity.boot.after)
        and other.name not in going
        and is_running(other, facts.jails, session.host.fs)
    ]
    return (f"{', '.join(left)} may need it (boot.after: it goes on running)",) if left else ()


def _waits(guest: Guest, name: str, new: str) -> Iterator[Reference]:
    after = [str(other) for other in guest.identity.boot.after]
    if name in after:
        left = [new if other == name else other for other in after if new or other != name]
        yield Reference(
            guest.name, BOOT_AFTER, name, f"bsdvirt set {guest.name} {BOOT_AFTER}={','.join(left)}"
        )


def _spec(session: Session, found: Inventory, guest: Guest, wanted: Guest) -> GuestSpec | None:
    """Read a guest's file; None if it cannot be read, or does not name the other guest."""
    fs, home = session.host.fs, found.home(guest.name)
    try:
        if f"/{wanted.name}" not in guest_text(fs, home, guest.name):
            return None
        return load_guest_file(fs, home, guest.name)
    except BsdvirtError:
        return None


def _paths(other: Guest, spec: GuestSpec | None, guest: Guest, new: str) -> Iterator[Reference]:
    """Yield where another guest's file names a directory, a dataset or a volume of the guest."""
    if spec is None:
        return
    layout = guest.layout
    moves = {
        layout.guest_directory(guest.name): layout.guest_directory(new),
        f"{DEVICES}/{guest.dataset}": f"{DEVICES}/{layout.guest(new)}",
        guest.dataset: layout.guest(new),
    }
    for at, value in _strings(plain(spec), ""):
        for place, moved in moves.items():
            if within(f"/{value.lstrip('/')}", f"/{place.lstrip('/')}") and _alike(value, place):
                wanted = moved + value[len(place) :] if new else ""
                word = shlex.quote(f"{at}={wanted}")
                yield Reference(other.name, at, value, f"bsdvirt set {other.name} {word}")


def _alike(value: str, place: str) -> bool:
    return value.startswith("/") == place.startswith("/")


def _strings(value: object, at: str) -> Iterator[tuple[str, str]]:
    """Yield every string in plain data, with its path for `set`."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, f"{at}.{key}" if at else str(key))
    elif isinstance(value, Sequence):
        for number, inner in enumerate(value):
            named = inner.get(NAME) if isinstance(inner, Mapping) else None
            yield from _strings(inner, f"{at}.{named if named is not None else number}")


def _routes(networks: Mapping[str, Network], guest: Guest) -> Iterator[Reference]:
    """Yield the networks with a route via an address of this guest."""
    own = {ip_interface(text).ip for text in guest.identity.addresses()}
    for name, network in networks.items():
        for route in network.routes:
            if route.via.ip in own:
                yield Reference(
                    name,
                    "routes",
                    f"{route.to} via {route.via}",
                    f"bsdvirt network set {name} routes=",
                    network=True,
                )
