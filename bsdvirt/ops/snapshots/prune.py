"""Remove the snapshots of guests that their schedule does not keep."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.retention import Kept, calendar, candidates
from bsdvirt.guest.snapshots.sets import Snapshot
from bsdvirt.kinds import load_spec
from bsdvirt.ops.snapshots.listing import read_each
from bsdvirt.ops.snapshots.read import created
from bsdvirt.ops.snapshots.remove import removal
from bsdvirt.plan.step import Plan
from bsdvirt.rows.snapshot import CalendarRow
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.units import Keep

NOTHING = "no snapshot is removed"


class Prune(Struct, frozen=True):
    """Remove the snapshots that are not kept: those of the schedule, never those in use."""

    names: tuple[str, ...]
    keep: Keep | None = None
    """Instead of each guest's snapshots.keep."""
    all_ours: bool = False
    """Also those that the schedule did not take."""
    required: bool = True
    """A guest without snapshots.keep is an error; otherwise all of its snapshots are kept."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with hold(session, self.names, "prune") as held:
            found = session.inventory()
            guests = [found.guests[name] for name in held.names() if name in found.guests]
            every, errors = read_each(session, guests)

            def one(name: str) -> Task:
                guest = found.guest(name)
                session.need_mounted(found, guest.layout)
                if name in errors:
                    raise errors[name]
                task = self._task(session, guest, every[name])
                return replace(task, release=lambda: held.release(name))

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])

    def _task(self, session: Session, guest: Guest, every: Sequence[Snapshot]) -> Task:
        rows = self.calendar(session, guest, every)
        going = [one.snapshot for one in rows if one.goes]
        if going:
            task = removal(session, going, every, by_jail=False)
            return replace(task, message=f"removed {len(going)} of {len(rows)} snapshots")
        plan = Plan("prune", guest.name, reason=NOTHING, op=session.new_op())
        return Task(guest.name, (Part(plan),), NOTHING)

    def calendar(self, session: Session, guest: Guest, every: Sequence[Snapshot]) -> list[Kept]:
        """Return what becomes of the guest's snapshots. Raises UsageError where nothing says what
        to keep, and what load_spec raises."""
        keep = self.keep or load_spec(session.host.fs, guest).snapshots.keep
        taken = candidates(every, all_ours=self.all_ours)
        if keep is not None:
            return calendar(taken, keep, session.draws.now())
        if not self.required:
            return [Kept(one, why="no snapshots.keep") for one in taken]
        raise UsageError(
            f"{guest.name} has no snapshots.keep, and no --keep is given",
            f"bsdvirt set {guest.name} snapshots.keep=24h,7d,4w,12m",
        )


def calendar_rows(
    session: Session, request: Prune
) -> tuple[list[CalendarRow], dict[str, BsdvirtError]]:
    """Return what would become of each snapshot, and the errors of guests of which that cannot be
    said."""
    found = session.inventory()
    guests = [found.guest(name) for name in request.names]
    every, errors = read_each(session, guests)
    rows: list[CalendarRow] = []
    for guest in guests:
        try:
            if guest.name not in errors:
                rows += map(_row, request.calendar(session, guest, every[guest.name]))
        except BsdvirtError as error:
            errors[guest.name] = error
    return rows, errors


def _row(one: Kept) -> CalendarRow:
    return CalendarRow(
        guest=one.snapshot.guest,
        name=one.snapshot.name,
        created=created(one.snapshot),
        kept=not one.goes,
        slots=list(one.slots),
        why=one.why,
    )
