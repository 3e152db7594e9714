"""Reads guests and figures in this process, again and again. The thread that reads imports it: it
loads much of bsdvirt, and the first screen does not wait for that."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bsdvirt.errors import as_told
from bsdvirt.guest.inventory import Inventory
from bsdvirt.host.base import Host
from bsdvirt.ops.history.recent import Lately, read_lately
from bsdvirt.ops.show.guests import listing
from bsdvirt.ops.show.kept import Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.session.again import Again
from bsdvirt.session.session import Session
from bsdvirt.tui.feed.model import Tick

LATELY = 60
"""Records of a guest that are read: of ten minutes, where a sample is taken every ten seconds."""


class Reading:
    """What is kept between the readings of a host."""

    def __init__(self, host: Host) -> None:
        self._again = Again(host)
        self._kept = Kept()
        self._known: set[str] = set()
        """Guests of the last reading, by name."""

    def session(self) -> Session:
        """Return a session that keeps nothing."""
        return self._again.fresh()

    def tick(self, name: str) -> Tick:
        """Read guests and figures; what fails is the Tick's problem."""
        at = time.monotonic()
        try:
            session = self._again.session()
            guests, found, jails = listing(session)
        except Exception as error:
            return Tick(name, at, problem=str(as_told(error)))
        notes = [one.message for one in found.absent]
        try:
            sample = read_sample(session, found, self._kept, jails=jails)
        except Exception as error:
            # Guests are shown without what they use.
            notes.append(f"usage: {as_told(error)}")
            sample = None
        lately = self._lately(session, found)
        return Tick(name, at, tuple(guests), notes=tuple(notes), sample=sample, lately=lately)

    def _lately(self, session: Session, found: Inventory) -> Mapping[str, Lately]:
        """Return what was recorded of guests that were not there at the last reading."""
        new = [guest for name, guest in found.guests.items() if name not in self._known]
        self._known = set(found.guests)
        try:
            return read_lately(session, new, LATELY) if new else {}
        except Exception:
            # A graph that begins now is none the worse.
            return {}
