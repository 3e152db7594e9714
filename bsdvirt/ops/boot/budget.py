"""Guests whose own time to stop is longer than the host's shutdown leaves them."""

from __future__ import annotations

from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.hostfile import reserve


def too_long(session: Session, spec: GuestSpec) -> str:
    """Return the note for a stop.timeout that is longer than the shutdown waits; empty if it is
    not."""
    budget = session.hostfile.boot.budget
    left = budget - reserve(budget)
    if spec.stop.timeout <= left:
        return ""
    return (
        f"stop.timeout is {spec.stop.timeout} s, and the host's shutdown leaves {left:.0f} s at"
        f" most before it forces (boot.budget is {budget})"
    )
