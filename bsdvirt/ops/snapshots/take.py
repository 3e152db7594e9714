"""Take snapshots of guests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.errors import UsageError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.plan import plan_take
from bsdvirt.guest.snapshots.sets import Snapshot, free_name, refuse_taken
from bsdvirt.kinds import is_running
from bsdvirt.ops.snapshots.hooks import snapshot_hooks
from bsdvirt.ops.snapshots.read import read_snapshots
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.snapshot import MAX_NOTE, SnapshotName, Stamp, Why

RUNNING = "taken while it runs: what it had not written to disk is not in it"


class Take(Struct, frozen=True):
    """Take a snapshot of each guest: all its datasets, volumes and its file, at one moment."""

    names: tuple[str, ...]
    snapshot: str = ""
    """Its name; by default the time."""
    note: str = ""
    why: Why = "manual"

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises UsageError for a name or a note that cannot be one."""
        if self.snapshot:
            parsed(SnapshotName, self.snapshot, "such as before-upgrade", of="snapshot")
        if len(self.note) > MAX_NOTE or not self.note.isprintable():
            raise UsageError(f"a note is one line of at most {MAX_NOTE} characters", "shorten it")
        with hold(session, self.names, "snapshot") as held:
            found = session.inventory()
            guests = [found.guests[name] for name in held.names() if name in found.guests]
            jails = read_jails(session.host)
            every = read_snapshots(session, guests)

            def one(name: str) -> Task:
                guest = found.guest(name)
                session.need_mounted(found, guest.layout)
                running = is_running(guest, jails, session.host.fs)
                task = self._task(session, guest, every[name], running)
                return replace(task, release=lambda: held.release(name))

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])

    def _task(self, session: Session, guest: Guest, known: list[Snapshot], running: bool) -> Task:
        time = session.draws.time(guest.name)
        if self.snapshot:
            refuse_taken(known, guest.name, self.snapshot)
        name = self.snapshot or free_name(known, name_of(time))
        stamp = Stamp(
            time=time, why=self.why, uuid=guest.identity.uuid, running=running, note=self.note
        )
        notes: tuple[str, ...] = (RUNNING,) if running else ()
        before, after, unread = snapshot_hooks(session, guest, running=running)
        notes += unread
        plan = plan_take(guest, name, stamp, session.new_op(), before=before, after=after)
        if guest.identity.root is not None:
            notes += (f"its root {guest.identity.root} is yours, and not in it",)
        # As each time that they are planned is another.
        varying = () if self.snapshot else (name,)
        return Task(
            guest.name, (Part(plan),), f"snapshot {guest.name}@{name}", notes, varying=varying
        )


def name_of(time: str) -> str:
    """Return the name of a snapshot that has none: the time, such as 2026-11-27T10.30.00Z. It is
    never read back: when it was taken is a property."""
    return time.replace(":", ".")
