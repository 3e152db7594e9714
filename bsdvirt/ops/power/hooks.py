"""Hooks of guests, in a session."""

from __future__ import annotations

from bsdvirt.guest.hooks import read_hook_steps
from bsdvirt.guest.inventory import Guest
from bsdvirt.kinds import kind_of
from bsdvirt.plan.step import Step
from bsdvirt.session.session import Session
from bsdvirt.spec.hooks import Event, EventHooks


def steps(
    session: Session,
    event: Event,
    hooks: EventHooks,
    guest: Guest,
    *,
    share: float = 1.0,
    honor: bool = True,
) -> tuple[Step, ...]:
    """Return the steps of a guest's hooks at an event, as guest/hooks.py plans them."""
    inside = kind_of(guest).inside(session.host.fs, guest)
    return read_hook_steps(
        session.host, session.sink, event, hooks, guest, inside, share=share, honor=honor
    )
