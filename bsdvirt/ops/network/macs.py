"""MAC addresses that guests are given: held against the host's own interfaces."""

from __future__ import annotations

from bsdvirt.facts.host import read_interfaces
from bsdvirt.net.ports import check_macs
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec


def notes(session: Session, name: str, spec: GuestSpec) -> tuple[str, ...]:
    """What is to be known of them. Raises ConflictError for one of an interface of the
    host's."""
    if not any(nic.mac for nic in spec.nics):
        return ()
    return check_macs(name, spec.nics, read_interfaces(session.host).values())
