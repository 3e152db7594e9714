"""Remove snapshots of guests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from bsdvirt.guest.snapshots.plan import plan_remove_all, refuse_removal
from bsdvirt.guest.snapshots.sets import Snapshot, picked
from bsdvirt.ops.snapshots.held import holders, tags_of
from bsdvirt.ops.snapshots.read import read_snapshots, reclaim, row
from bsdvirt.ops.snapshots.targets import Target
from bsdvirt.rows.sizes import both_sizes
from bsdvirt.rows.snapshot import RemovalRow
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session


class Remove(Struct, frozen=True):
    """Remove snapshots that bsdvirt took."""

    targets: tuple[Target, ...]
    """Guests, and names or patterns of their snapshots."""

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
                words = [short for of, short in self.targets if of == name]
                chosen = picked(every[name], name, words)
                return removal(session, chosen, every[name], lambda: held.release(name))

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])


def to_remove(session: Session, targets: Iterable[Target]) -> list[RemovalRow]:
    """Return what a removal would destroy, and free. Raises as the removal does for a snapshot
    that does not exist."""
    words: dict[str, list[str]] = {}
    for guest, name in targets:
        words.setdefault(guest, []).append(name)
    found = session.inventory()
    every = read_snapshots(session, [found.guest(name) for name in words])
    going = []
    for guest, names in words.items():
        chosen = picked(every[guest], guest, names)
        tags = tags_of(session, chosen)
        going.append(
            RemovalRow(
                guest=guest,
                frees=reclaim(session, chosen, every[guest]),
                snapshots=[row(one, tags.get(one.full, ())) for one in chosen],
                parts=[part.full for one in chosen for part in one.parts],
            )
        )
    return going


def removal(
    session: Session,
    chosen: Sequence[Snapshot],
    every: Sequence[Snapshot],
    release: Callable[[], None] | None = None,
    *,
    by_jail: bool = True,
) -> Task:
    """Return the task that removes snapshots of a guest, `every` of which are given. Raises
    ConflictError for one that is in use, or is not ours; `by_jail` as in plan_remove_all."""
    for snapshot in chosen:
        one = snapshot if by_jail else snapshot.own
        refuse_removal(one, holders(session, one) if one.holds else "")
    size = reclaim(session, chosen, every)
    notes = () if size is None else (f"frees {both_sizes(size)}",)
    plan = plan_remove_all(chosen, session.new_op(), notes, by_jail=by_jail)
    guest, names = chosen[0].guest, [one.name for one in chosen]
    return Task(guest, (Part(plan),), f"removed {_words(names)}", notes, release=release)


def _words(names: Sequence[str]) -> str:
    word = "snapshot" if len(names) == 1 else "snapshots"
    return f"{word} {', '.join(names)}"
