"""PCI devices of the host's that guests pass through: who else asks for the same."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Inventory, load_guest_file
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.rawkeys import raw_devices
from bsdvirt.spec.vm import Vm


def notes(session: Session, found: Inventory, name: str, spec: GuestSpec) -> tuple[str, ...]:
    """Which of its devices another guest's file names too: only one of them can run."""
    wanted = raw_devices(spec.config).host if isinstance(spec, Vm) else {}
    if not wanted:
        return ()
    told = []
    for other, guest in found.guests.items():
        if other == name or guest.identity.kind != "vm":
            continue
        try:
            theirs = load_guest_file(session.host.fs, found.home(other), other)
        except BsdvirtError:
            # Its own verbs say what is wrong with it.
            continue
        both = wanted.keys() & (raw_devices(theirs.config).host if isinstance(theirs, Vm) else {})
        told += [f"PCI device {one} is {other}'s, too: only one of them runs" for one in both]
    return tuple(told)
