"""Guests whose own time to stop is longer than the host's shutdown leaves them."""

from __future__ import annotations

from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.hostfile import reserve


def too_long(session: Session, spec: GuestSpec) -> str:
    """What is to be known of a stop.timeout that is not waited for at shutdown; empty where
    it is."""
    budget = session.hostfile.boot.budget
    left = budget - reserve(budget)
    if spec.stop.timeout <= left:
        return ""
    return (
        f"stop.timeout is {spec.stop.timeout} s, and the host's shutdown leaves {left:.0f} s at"
        f" most before it forces (boot.budget is {budget})"
    )
