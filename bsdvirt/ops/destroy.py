"""Destroy guests of either kind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.host import LOOKS, HostFacts, read_host
from bsdvirt.guest import logs
from bsdvirt.guest.destroy import plan_destroy, refuse_hosts
from bsdvirt.guest.inventory import (
    Foreign,
    Guest,
    Inventory,
    load_guest_file,
    need_unlocked,
    raw_has,
)
from bsdvirt.guest.snapshots.hold import release_step
from bsdvirt.guest.snapshots.promote import clones_by_source, owners_of
from bsdvirt.host import tools
from bsdvirt.jail.mounted import refuse_neighbours
from bsdvirt.jail.mounts import refuse_lent
from bsdvirt.kinds import is_running, kind_of
from bsdvirt.layout import RUN_FILES
from bsdvirt.ops import references
from bsdvirt.ops.power.claims import room_for
from bsdvirt.ops.power.stop import end_for_destroy, stop_task
from bsdvirt.ops.send.source import TAG
from bsdvirt.plan.step import RemoveFile, Step
from bsdvirt.rows.sizes import both_sizes
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.zfs.reclaim import read_holds_of
from bsdvirt.zfs.snapshots import Part as SnapshotPart
from bsdvirt.zfs.snapshots import read_parts

MOST_NAMED = 5
"""Snapshots that are named in a message."""

WAIT_SECONDS = 0.2


class Destroy(Struct, frozen=True):
    """Destroy guests with all their data."""

    names: tuple[str, ...]
    force: bool = False
    """Stop a running guest first. A protected one is refused in any case."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        ended = end_for_destroy(session, self.names) if self.force else []
        with hold(session, self.names, "destroy", destroying=True, ending=ended) as held:
            session.ahead.expect(*LOOKS)
            found = session.inventory()
            facts = read_host(session.host, *RUN_FILES)
            going = Going(session, found, held.names())

            def one(name: str) -> Task:
                task = self._task(session, found, facts, name, going)

                def done() -> None:
                    session.supersede("guest", name)
                    going.gone.add(name)

                def release() -> None:
                    held.release(name)
                    going.ended[name].set()

                task = replace(task, after=done, release=release, before=lambda: going.wait(name))
                going.planned.add(name)
                return task

            yield Prepared(session, [*refused(held.refused), *plan_each(going.names, one)])

    def _task(
        self, session: Session, found: Inventory, facts: HostFacts, name: str, going: Going
    ) -> Task:
        force = self.force
        if name in found.foreign:
            return _foreign_task(session, found.foreign[name], facts, force, going)
        if name not in found.guests:
            return Task(name, message="destroyed: an earlier destroy, cut short, is finished")
        guest = found.guest(name)
        session.need_mounted(found, guest.layout)
        spec, unread = _refuse_protected(session, found, name, force)
        stays = (*kind_of(guest).kept_notes(guest, spec), *unread)
        if is_running(guest, facts.jails, session.host.fs) and not force:
            raise ConflictError(f"{name} is running", f"bsdvirt stop {name}, or --force")
        _refuse_clones(session, guest, going)
        refuse_lent(guest, going.names, facts.mounts)
        stays += dangling(session, found, name, going.names)
        refuse_neighbours(guest, facts.jails.values())
        mine = kind_of(guest).own_mounts(guest, spec, facts)
        refuse_hosts(guest, mine, facts, force=force)
        stop = stop_task(session, found, facts, guest, force=force)
        last = (*kind_of(guest).last_steps(guest), *_history(session, guest))
        held = released(session, guest, force=force)
        room = room_for(session, name, [*found.guests.values()], dict.fromkeys(going.names))
        first = (*held, *room)
        plan = plan_destroy(guest, session.new_op(), force=force, first=first, last=last)
        freed = f"frees {both_sizes(guest.used)}"
        plan = logs.for_end(session.host.fs, guest, plan)
        plan = msgspec.structs.replace(plan, notes=(*plan.notes, *stays, freed))
        return Task(name, (*stop.parts, Part(plan)), "destroyed", stays)


def _history(session: Session, guest: Guest) -> tuple[Step, ...]:
    """Remove what was recorded of it, if anything was."""
    path = session.layout.history(guest.identity.uuid)
    if not session.host.fs.exists(path):
        return ()
    return (Step(RemoveFile(path), "its history", durable=True),)


class Going:
    """The guests that are destroyed by one command: clones before what they were made of."""

    def __init__(self, session: Session, found: Inventory, names: Sequence[str]) -> None:
        self._session = session
        self._datasets = [found.home(name).guest(name) for name in names]
        every = [*found.guests.values(), *(one.as_guest() for one in found.foreign.values())]
        self._clones = clones_by_source(every, owners_of(every))
        self.names = sorted(names, key=lambda name: (self._depth(name), name))
        self.planned: set[str] = set()
        """Those that nothing speaks against."""
        self.gone: set[str] = set()
        self.ended = {name: threading.Event() for name in names}

    def _depth(self, name: str) -> int:
        """Return the length of the longest chain of clones, and of their clones."""
        return max((1 + self._depth(one) for one in self.clones(name)), default=0)

    def clones(self, name: str) -> Sequence[str]:
        """Return the guests that depend on a guest."""
        return self._clones.get(name, ())

    def all_go(self, lines: Sequence[str]) -> bool:
        """Whether what zfs(8) refuses for are only datasets of these guests."""
        others = lines[1:]
        return bool(others) and all(
            any(f"{line}/".startswith((f"{top}/", f"{top}@")) for top in self._datasets)
            for line in others
        )

    def wait(self, name: str) -> None:
        """Wait until the clones of a guest are destroyed. Raises ConflictError if one is not."""
        for clone in self.clones(name):
            while not self.ended[clone].wait(WAIT_SECONDS):
                self._session.interrupt.check()
            if clone not in self.gone:
                raise ConflictError(f"{name} has a clone: {clone}", f"bsdvirt promote {clone}")


def dangling(
    session: Session, found: Inventory, name: str, going: Iterable[str]
) -> tuple[str, ...]:
    """Return what will still refer to a destroyed guest, without those that are destroyed (`going`)
    with it."""
    with_it = set(going)
    every = references.to_guest(session, found, name)
    return tuple(one.words for one in every if one.network or one.holder not in with_it)


def _foreign_task(
    session: Session, foreign: Foreign, facts: HostFacts, force: bool, going: Going
) -> Task:
    """Plan the destruction of a guest from another host: it has datasets only."""
    name, guest = foreign.name, foreign.as_guest()
    jail = facts.jails.get(name)
    if jail is not None and not jail.dying and jail.path == guest.root:
        raise ConflictError(f"a jail {name} runs in it", f"jail -r {name}")
    _refuse_clones(session, guest, going)
    refuse_neighbours(guest, facts.jails.values())
    held = released(session, guest, force=force)
    plan = plan_destroy(guest, session.new_op(), force=force, first=held)
    return Task(name, (Part(plan, home=foreign.layout),), "destroyed")


def released(session: Session, guest: Guest, *, force: bool) -> tuple[Step, ...]:
    """Return the steps that release the snapshots of a guest that are held: nothing else can
    destroy them. Raises ConflictError, before anything is done, for those that something else than
    sending holds, but with `force`."""
    by_tag: dict[str, list[SnapshotPart]] = {}
    for part in read_parts(session.host, [guest.dataset]):
        for tag in read_holds_of(session.host, part.full) if part.holds else ():
            by_tag.setdefault(tag, []).append(part)
    others = [part for tag, parts in by_tag.items() if not tag.startswith(TAG) for part in parts]
    held = sorted({part.full for part in others})
    if held and not force:
        named = ", ".join(held[:MOST_NAMED])
        more = f" and {len(held) - MOST_NAMED} more" if len(held) > MOST_NAMED else ""
        raise ConflictError(
            f"{guest.name} has snapshots that are held: {named}{more}",
            f"bsdvirt snapshot ls --held {guest.name}; or --force, which releases them",
        )
    return tuple(release_step(tag, parts) for tag, parts in by_tag.items())


def _refuse_clones(session: Session, guest: Guest, going: Going) -> None:
    """Raises ConflictError if ZFS would refuse to destroy it, before anything is done. Clones that
    are destroyed with it go first."""
    if clones := [name for name in going.clones(guest.name) if name not in going.planned]:
        raise ConflictError(
            f"{guest.name} has clones: {', '.join(clones)}",
            f"bsdvirt promote {clones[-1]}; or destroy them first",
        )
    argv = (tools.ZFS, "destroy", "-nvpr", guest.dataset)
    tried = session.host.run(argv, changes=False)
    lines = [line for line in tried.stderr.splitlines() if not line.startswith("use '-R'")]
    if tried.status != 0 and not going.all_go(lines):
        raise ConflictError(
            f"{guest.name} cannot be destroyed: {'; '.join(lines)}",
            "destroy the clones first, or zfs promote them",
        )


def _refuse_protected(
    session: Session, found: Inventory, name: str, force: bool
) -> tuple[GuestSpec | None, tuple[str, ...]]:
    """Read its file; None with a note, if it cannot be read.

    Raises ConflictError if it is protected, or may be.
    """
    guest = found.guest(name)
    if not force:
        need_unlocked(guest)
    try:
        spec = load_guest_file(session.host.fs, found.home(name), name)
    except BsdvirtError as error:
        mounted = any(d.name == guest.dataset and d.mounted for d in guest.datasets)
        if not force and not mounted:
            raise
        if not force and raw_has(session.host.fs, guest.layout, name, "protected"):
            error.hint = f"it may be protected; correct the file, or bsdvirt destroy --force {name}"
            raise
        return None, (f"its file could not be read: {error.message}",)
    if spec.protected:
        raise ConflictError(f"{name} is protected", f"bsdvirt set {name} protected=no")
    return spec, ()
