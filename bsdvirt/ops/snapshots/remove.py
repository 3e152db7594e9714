"""Remove snapshots of guests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bsdvirt.errors import UsageError
from bsdvirt.guest.snapshots.plan import plan_remove
from bsdvirt.guest.snapshots.sets import named
from bsdvirt.ops.snapshots.read import read_snapshots
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session

Target = tuple[str, str]
"""A guest and the name of one of its snapshots."""


def target(word: str) -> Target:
    """Split GUEST@SNAPSHOT. Raises UsageError."""
    guest, at, name = word.partition("@")
    if not (guest and at and name):
        raise UsageError(f"{word}: not GUEST@SNAPSHOT", "such as web@before-upgrade")
    return guest, name


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove snapshots that bsdvirt took."""

    targets: tuple[Target, ...]

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        names = sorted({guest for guest, _ in self.targets})
        with hold(session, names, "remove snapshot") as held:
            found = session.inventory()
            guests = [found.guests[name] for name in held.names() if name in found.guests]
            every = read_snapshots(session, guests)

            def one(name: str) -> Task:
                guest = found.guest(name)
                session.need_mounted(found, guest.layout)
                wanted = sorted({short for of, short in self.targets if of == name})
                snapshots = [named(every[name], name, short) for short in wanted]
                parts = tuple(Part(plan_remove(one, session.new_op())) for one in snapshots)
                return Task(
                    name, parts, f"removed {_words(wanted)}", release=lambda: held.release(name)
                )

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])


def _words(names: Sequence[str]) -> str:
    word = "snapshot" if len(names) == 1 else "snapshots"
    return f"{word} {', '.join(names)}"
