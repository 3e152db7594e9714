"""Destroy guests of either kind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.host import HostFacts, read_host
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
from bsdvirt.guest.snapshots.promote import clones_of
from bsdvirt.host import tools
from bsdvirt.jail.mounted import refuse_neighbours
from bsdvirt.jail.mounts import refuse_lent
from bsdvirt.kinds import is_running, kind_of
from bsdvirt.layout import RUN_FILES
from bsdvirt.ops import references
from bsdvirt.ops.power.stop import end_for_destroy, stop_task
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec


@dataclass(frozen=True, slots=True)
class Destroy:
    """Destroy guests with all their data."""

    names: tuple[str, ...]
    force: bool = False
    """Stop a running guest first. A protected one is refused in any case."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        ended = end_for_destroy(session, self.names) if self.force else []
        with hold(session, self.names, "destroy", destroying=True, ending=ended) as held:
            found = session.inventory()
            facts = read_host(session.host, *RUN_FILES)

            def one(name: str) -> Task:
                task = self._task(session, found, facts, name, held.names())

                def done() -> None:
                    session.supersede("guest", name)

                return replace(task, after=done, release=lambda: held.release(name))

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])

    def _task(
        self, session: Session, found: Inventory, facts: HostFacts, name: str, going: Sequence[str]
    ) -> Task:
        force = self.force
        if name in found.foreign:
            return _foreign_task(session, found, found.foreign[name], facts, force)
        if name not in found.guests:
            return Task(name, message="destroyed: an earlier destroy, cut short, is finished")
        guest = found.guest(name)
        session.need_mounted(found, guest.layout)
        spec, unread = _refuse_protected(session, found, name, force)
        stays = (*kind_of(guest).kept_notes(guest, spec), *unread)
        if is_running(guest, facts.jails, session.host.fs) and not force:
            raise ConflictError(f"{name} is running", f"bsdvirt stop {name}, or --force")
        _refuse_clones(session, found, guest)
        refuse_lent(guest, going, facts.mounts)
        stays += dangling(session, found, name, going)
        refuse_neighbours(guest, facts.jails.values())
        mine = kind_of(guest).own_mounts(guest, spec, facts)
        refuse_hosts(guest, mine, facts, force=force)
        stop = stop_task(session, found, facts, guest, force=force)
        last = kind_of(guest).last_steps(guest)
        plan = plan_destroy(guest, session.new_op(), force=force, last=last)
        plan = logs.for_end(session.host.fs, guest, plan)
        plan = msgspec.structs.replace(plan, notes=(*plan.notes, *stays))
        return Task(name, (*stop.parts, Part(plan)), "destroyed", stays)


def dangling(
    session: Session, found: Inventory, name: str, going: Iterable[str]
) -> tuple[str, ...]:
    """Return what will still refer to a destroyed guest, without those that are destroyed (`going`)
    with it."""
    with_it = set(going)
    every = references.to_guest(session, found, name)
    return tuple(one.words for one in every if one.network or one.holder not in with_it)


def _foreign_task(
    session: Session, found: Inventory, foreign: Foreign, facts: HostFacts, force: bool
) -> Task:
    """Plan the destruction of a guest from another host: it has datasets only."""
    name, guest = foreign.name, foreign.as_guest()
    jail = facts.jails.get(name)
    if jail is not None and not jail.dying and jail.path == guest.root:
        raise ConflictError(f"a jail {name} runs in it", f"jail -r {name}")
    _refuse_clones(session, found, guest)
    refuse_neighbours(guest, facts.jails.values())
    plan = plan_destroy(guest, session.new_op(), force=force)
    return Task(name, (Part(plan, home=foreign.layout),), "destroyed")


def _refuse_clones(session: Session, found: Inventory, guest: Guest) -> None:
    """Raises ConflictError if ZFS would refuse to destroy it, before anything is done."""
    if clones := clones_of(guest, {**found.guests, guest.name: guest}):
        raise ConflictError(
            f"{guest.name} has clones: {', '.join(clones)}",
            f"bsdvirt promote {clones[-1]}; or destroy them first",
        )
    argv = (tools.ZFS, "destroy", "-nvpr", guest.dataset)
    tried = session.host.run(argv, changes=False)
    if tried.status != 0:
        lines = [line for line in tried.stderr.splitlines() if not line.startswith("use '-R'")]
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
