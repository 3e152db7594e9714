"""What the kinds of guests plan with, of a session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.guest.view import View
from bsdvirt.net.files import Networks
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec

if TYPE_CHECKING:
    from bsdvirt.cpu.given import HostCpus


def gives_cpus(session: Session, guests: Iterable[Guest], specs: Iterable[GuestSpec] = ()) -> bool:
    """Return whether CPUs of the host are claimed or reserved, or these files ask for some."""
    return (
        session.hostfile.reserved_cpus is not None
        or any(guest.identity.cpus is not None for guest in guests)
        or any(spec.placement != "none" or spec.pins_itself for spec in specs)
    )


def view_of(
    session: Session, found: Inventory, networks: Networks, cpus: HostCpus | None = None
) -> View:
    """Return the host as this session sees it, with what was read of it. `cpus` are the claims of
    the guests, if they are others than those that were found."""
    if cpus is None and gives_cpus(session, found.guests.values()):
        # Imported here: few hosts give guests CPUs.
        from bsdvirt.session.cpus import host_cpus

        cpus = host_cpus(session, found.guests.values())
    return View(
        session.host,
        found,
        networks,
        session.pools.layouts,
        session.new_op,
        session.draws.source,
        session.sink,
        session.preview,
        session.stopped,
        session.stand_ins,
        session.boot_from,
        cpus.open if cpus is not None else None,
    )
