"""All that the checks look at, read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from bsdvirt.errors import BsdvirtError
from bsdvirt.facts.host import HostFacts, Kernel, read_host, read_kernel
from bsdvirt.facts.vms import VmFact, read_vms
from bsdvirt.guest.inventory import Guest, Inventory, need_unlocked
from bsdvirt.guest.state import alive
from bsdvirt.guest.view import View
from bsdvirt.kinds import is_running, load_spec
from bsdvirt.layout import RUN_FILES
from bsdvirt.net.files import Networks
from bsdvirt.plan.locks import LOCK_DIRECTORY, is_held
from bsdvirt.rows.host import Finding
from bsdvirt.session.session import Session
from bsdvirt.session.view import view_of
from bsdvirt.spec.guest import GuestSpec


class Seen(Struct, frozen=True):
    """The guests, their files as far as they can be read, the host, and what runs."""

    view: View
    kernel: Kernel
    facts: HostFacts
    specs: Mapping[str, GuestSpec]
    vms: Mapping[str, VmFact]
    alive: Collection[str]
    """What runs, whether or not it is listed."""
    unread: tuple[Finding, ...] = ()
    """The files that cannot be read."""
    working: Collection[str] = ()
    """The guests whose lock is held."""

    @property
    def found(self) -> Inventory:
        return self.view.found

    @property
    def networks(self) -> Networks:
        return self.view.networks

    def busy(self, name: str) -> bool:
        """Whether a guest is being started, stopped or changed: what it lacks now, it lacks
        because of that."""
        return name in self.working

    def runs(self, guest: Guest) -> bool:
        """Whether a guest of either kind runs."""
        return is_running(guest, self.facts.jails, self.view.fs)

    def running(self) -> dict[str, GuestSpec]:
        """What those that run are to be, as far as their files can be read."""
        guests = self.found.guests
        return {name: spec for name, spec in self.specs.items() if self.runs(guests[name])}


def look(session: Session, known: Mapping[str, GuestSpec] | None = None) -> Seen:
    """What the host shows comes before the list of guests: what is made meanwhile is then in
    the list. `known` are files that were read, and cannot have changed since."""
    working = _working(session)
    facts = read_host(session.host, *RUN_FILES)
    vms = read_vms(session.host.fs)
    running = alive(session.host.fs, facts)
    networks = session.networks()
    found = session.inventory()
    specs: dict[str, GuestSpec] = {}
    unread: list[Finding] = []
    for name, guest in found.guests.items():
        if known and name in known:
            specs[name] = known[name]
            continue
        try:
            need_unlocked(guest)
            specs[name] = load_spec(session.host.fs, guest)
        except BsdvirtError as error:
            unread.append(Finding(name, error.message, error.hint or "correct the file"))
    working |= _working(session)
    view, kernel = view_of(session, found, networks), read_kernel(session.host)
    return Seen(view, kernel, facts, specs, vms, running, tuple(unread), working)


def _working(session: Session) -> set[str]:
    """Return the guests whose lock is held."""
    fs = session.host.fs
    files = (file for file in fs.listdir(LOCK_DIRECTORY) if file.startswith("guest."))
    return {name for file in files if is_held(fs, "guest", name := file.removeprefix("guest."))}
