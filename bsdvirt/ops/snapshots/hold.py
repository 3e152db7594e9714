"""Hold snapshots of guests, and release them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct

from bsdvirt.guest.snapshots.hold import plan_hold, plan_release
from bsdvirt.guest.snapshots.sets import Snapshot, named
from bsdvirt.ops.snapshots.read import read_snapshots
from bsdvirt.ops.snapshots.targets import Target
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.snapshot import OWN_TAG, HoldTag
from bsdvirt.zfs.reclaim import read_holds_of


class Hold(Struct, frozen=True):
    """Hold snapshots, so that nothing can destroy them, or release them."""

    targets: tuple[Target, ...]
    """Guests, and names of their snapshots."""
    tag: str = OWN_TAG
    release: bool = False

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises UsageError for a tag that cannot be one."""
        parsed(HoldTag, self.tag, "such as audit", of="tag")
        names = sorted({guest for guest, _ in self.targets})
        with hold(session, names, "release" if self.release else "hold") as held:
            found = session.inventory()
            guests = [found.guests[name] for name in held.names() if name in found.guests]
            every = read_snapshots(session, guests)

            def one(name: str) -> Task:
                guest = found.guest(name)
                session.need_mounted(found, guest.layout)
                wanted = sorted({short for of, short in self.targets if of == name})
                parts = [self._part(session, named(every[name], name, short)) for short in wanted]
                return Task(
                    name, tuple(parts), self._words(parts, wanted),
                    release=lambda: held.release(name),
                )  # fmt: skip

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])

    def _part(self, session: Session, snapshot: Snapshot) -> Part:
        tagged = [
            part for part in snapshot.held if self.tag in read_holds_of(session.host, part.full)
        ]
        if self.release:
            return Part(plan_release(snapshot, self.tag, tagged, session.new_op()))
        free = [part for part in snapshot.parts if part not in tagged]
        return Part(plan_hold(snapshot, self.tag, free, session.new_op()))

    def _words(self, parts: list[Part], wanted: list[str]) -> str:
        if all(part.plan.empty for part in parts):
            return "; ".join(part.plan.reason for part in parts)
        return f"{'released' if self.release else 'holds'} {', '.join(wanted)}"
