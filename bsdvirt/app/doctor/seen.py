"""All that the checks look at, read once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bsdvirt.app.findings import Finding
from bsdvirt.app.session import Session
from bsdvirt.app.state import alive
from bsdvirt.errors import BsdvirtError
from bsdvirt.host.facts import HostFacts, read_host
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import GuestSpec
from bsdvirt.spec.vm import Vm
from bsdvirt.store.guests import Guest, Inventory, load_guest_file, need_unlocked, running_jail
from bsdvirt.store.layout import RUN_FILES
from bsdvirt.store.networks import Networks
from bsdvirt.store.vms import VmFact, read_vms


@dataclass(frozen=True, slots=True)
class Seen:
    """The guests, their files as far as they can be read, the host, and what runs."""

    found: Inventory
    facts: HostFacts
    networks: Networks
    specs: Mapping[str, GuestSpec]
    vms: Mapping[str, VmFact]
    alive: Collection[str]
    """What runs, whether or not it is listed."""
    unread: tuple[Finding, ...] = ()
    """The files that cannot be read."""

    def jails(self) -> Iterator[tuple[Guest, Jail]]:
        """The jails whose file can be read."""
        for name, spec in self.specs.items():
            if isinstance(spec, Jail):
                yield self.found.guests[name], spec

    def machines(self) -> dict[str, Vm]:
        """The virtual machines whose file can be read."""
        return {name: spec for name, spec in self.specs.items() if isinstance(spec, Vm)}

    def runs(self, guest: Guest) -> bool:
        """Whether a guest of either kind runs."""
        if guest.identity.kind == "jail":
            return running_jail(guest, self.facts.jails) is not None
        fact = self.vms.get(guest.name)
        return fact is not None and fact.runs

    def running(self) -> dict[str, GuestSpec]:
        """What those that run are to be, as far as their files can be read."""
        guests = self.found.guests
        return {name: spec for name, spec in self.specs.items() if self.runs(guests[name])}


def look(session: Session) -> Seen:
    """What the host shows comes before the list of guests: what is made meanwhile is then in
    the list."""
    facts = read_host(session.host, *RUN_FILES)
    vms = read_vms(session.host.fs)
    running = alive(session.host.fs, facts)
    networks = session.networks()
    found = session.inventory()
    specs: dict[str, GuestSpec] = {}
    unread: list[Finding] = []
    for name, guest in found.guests.items():
        try:
            need_unlocked(guest)
            specs[name] = load_guest_file(session.host.fs, guest.layout, name)
        except BsdvirtError as error:
            unread.append(Finding(name, error.message, error.hint or "mend the file"))
    return Seen(found, facts, networks, specs, vms, running, tuple(unread))
