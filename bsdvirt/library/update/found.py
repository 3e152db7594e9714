"""Where updates of a release come from, and what is there."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.session import Session


class Found(Struct, frozen=True):
    """What the server has for a release."""

    version: str
    """The newest version."""
    ends: int
    """End of support, in seconds since 1970; 0 if unknown."""
    ready: bool
    """Whether there are updates, and they can be installed."""


class Source(Protocol):
    """Updates of one copy of a release."""

    @property
    def version(self) -> str:
        """The version that the release has."""

    def fetch(self, name: str, op: str) -> Plan:
        """Plan the download."""

    def found(self, session: Session, name: str) -> Found:
        """Return what was downloaded. Raises FetchError."""

    def steps(self) -> tuple[Step, ...]:
        """Return the steps that install the updates."""
