"""Where what runs differs from what its start made. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bsdvirt.plan.step import Step


@dataclass(frozen=True, slots=True)
class Drift:
    """One such difference."""

    what: str
    """As a person would say it of the guest: its interface bv4n0a is down."""
    steps: tuple[Step, ...] = ()
    """What mends it while the guest runs; nothing, where only a start does."""
    did: str = ""
    """What was done then, in words: brought bv4n0a up."""
    problem: bool = True
    """Not so where the guest itself may have brought it about."""
