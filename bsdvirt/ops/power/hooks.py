"""Hooks of guests, in a session."""

from __future__ import annotations

from bsdvirt.guest.hooks import read_hook_steps
from bsdvirt.guest.inventory import Guest
from bsdvirt.jail.enter import enter
from bsdvirt.jail.facts.root import read_holds
from bsdvirt.plan.step import Plan, Step
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
    """Return the hooks of a guest at an event, as guest/hooks.py plans them."""
    inside = enter(guest.name, read_holds(session.host.fs, guest.root))
    return read_hook_steps(
        session.host, session.sink, event, hooks, guest, inside, share=share, honor=honor
    )


def run_stopped(
    session: Session, hooks: EventHooks, guest: Guest, share: float, honor: bool
) -> None:
    """Run the hooks of a guest that has stopped, which cannot be undone. Raises StepError where
    one fails whose policy is to fail."""
    after = steps(session, "stopped", hooks, guest, share=share, honor=honor)
    if after:
        session.run(
            Plan("hooks", guest.name, "guest", after, op=session.new_op()), journalled=False
        )
