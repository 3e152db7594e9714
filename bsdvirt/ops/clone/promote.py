"""Promote clones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.errors import ConflictError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.snapshots.promote import (
    Turn,
    moved,
    owners_of,
    plan_promote,
    refuse_same_names,
    turns_of,
)
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.zfs.snapshots import read_parts


class Promote(Struct, frozen=True):
    """Make a clone independent of the guest that it was made of, which then depends on it."""

    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Take the locks of the clone and of what it depends on. Raises NotFoundError,
        ConflictError."""
        # An operation that was cut short may have turned some of it round.
        session.settle("guest", self.name, "promote")
        known = {self.name, *_sources(session.inventory(), self.name)}
        with hold(session, known, "promote") as held:
            if held.refused and held.refused[0].error is not None:
                raise held.refused[0].error
            yield Prepared(session, [self._task(session, known)])

    def _task(self, session: Session, known: set[str]) -> Task:
        found = session.inventory()
        guest = found.guest(self.name)
        turns = turns_of(guest, owners_of(found.guests.values()))
        sources = sorted({turn.source for turn in turns})
        if not set(sources) <= known:
            raise ConflictError(f"another command changed what {self.name} depends on", "try again")
        session.need_mounted(found, guest.layout)
        plan = plan_promote(guest, turns, session.new_op())
        if plan.reason:
            return Task(guest.name, (Part(plan),), plan.reason)
        others = [found.guest(name) for name in sources]
        parts = read_parts(session.host, [guest.dataset, *(other.dataset for other in others)])
        refuse_same_names(guest.name, turns, parts)
        same = all(other.layout == guest.layout for other in others)
        names = sorted({part.name for turn in turns for part in moved(turn, parts)})
        return Task(
            guest.name,
            (Part(plan, home=guest.layout if same else found.layout),),
            f"promoted: {', '.join(sources)} depends on it now",
            (f"snapshots that are its own now: {', '.join(names)}",),
        )


def _sources(found: Inventory, name: str) -> set[str]:
    """Return the guests that a guest depends on, as far as it is known before the locks are
    taken."""
    guest = found.guests.get(name)
    turns: list[Turn] = (
        turns_of(guest, owners_of(found.guests.values())) if guest is not None else []
    )
    return {turn.source for turn in turns}
