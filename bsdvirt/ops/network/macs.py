"""Check the MAC addresses of guests against the interfaces of the host."""

from __future__ import annotations

from bsdvirt.facts.ifconfig import read_interfaces
from bsdvirt.net.ports import check_macs
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec


def notes(session: Session, name: str, spec: GuestSpec) -> tuple[str, ...]:
    """Return notes on a guest's MAC addresses. Raises ConflictError for that of an interface of the
    host."""
    if not any(nic.mac for nic in spec.nics):
        return ()
    return check_macs(name, spec.nics, read_interfaces(session.host).values())
