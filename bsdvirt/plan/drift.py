"""Differences between a running guest and what its start created. Pure."""

from __future__ import annotations

from msgspec import Struct

from bsdvirt.plan.step import Step


class Drift(Struct, frozen=True):
    """One difference."""

    what: str
    """In words that follow the guest's name: its interface bv4n0a is down."""
    steps: tuple[Step, ...] = ()
    """Steps that repair it while the guest runs; none if only a restart does."""
    did: str = ""
    """What these steps did: brought bv4n0a up."""
    problem: bool = True
    """False if the guest itself may have caused it."""
    only_asked: bool = False
    """The guest itself may want it so: only `doctor --repair` changes it."""
