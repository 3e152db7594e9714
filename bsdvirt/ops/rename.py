"""Rename guests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.facts.host import read_host
from bsdvirt.guest import logs
from bsdvirt.guest.change import plan_rename
from bsdvirt.guest.destroy import refuse_hosts
from bsdvirt.guest.inventory import Guest, Inventory, refuse_stray
from bsdvirt.jail.clean import clean_steps
from bsdvirt.jail.mounted import refuse_neighbours
from bsdvirt.kinds import kind_of
from bsdvirt.layout import RUN_FILES, guest_log_directory
from bsdvirt.ops import references
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.types import GuestName


class Rename(Struct, frozen=True):
    """Give a stopped guest another name."""

    old: str
    new: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Take the locks of both names, and of the guests that start after it at boot.

        Raises UsageError for an invalid name, NotFoundError, ConflictError.
        """
        old, new = self.old, self.new
        parsed(GuestName, new, "such as web or db-1", of="rename")
        if old == new:
            raise UsageError(f"{old} already has that name", "give it another")
        # An operation that was cut short may have left them with either name.
        known = {guest.name for name in (old, new) for guest in _waiting(session.inventory(), name)}
        with hold(session, {old, new, *known}, "rename") as held:
            if held.refused and held.refused[0].error is not None:
                raise held.refused[0].error
            yield Prepared(session, [_task(session, old, new, known)])


def _task(session: Session, old: str, new: str, known: set[str]) -> Task:
    found = session.inventory()
    guest = found.guest(old)
    _refuse_taken(found, new)
    waiting = _waiting(found, old)
    if not {other.name for other in waiting} <= known:
        raise ConflictError(f"another command changed the guests that depend on {old}", "try again")
    session.need_mounted(found, guest.layout)
    kind = kind_of(guest)
    kind.refuse_left(session.host.fs, old)
    facts = read_host(session.host, *RUN_FILES)
    refuse_neighbours(guest, facts.jails.values())
    # zfs(8) moves the mounts of the guest's own datasets, and of no others.
    refuse_hosts(guest, kind.own_mounts(guest, None, facts), facts, force=True)
    plan = plan_rename(
        guest, new, session.new_op(), facts=facts,
        left=clean_steps(guest, facts), last=kind.last_steps(guest), waiting=waiting,
        logs=session.host.fs.exists(guest_log_directory(old)),
    )  # fmt: skip
    notes = tuple(
        reference.words
        for reference in references.to_guest(session, found, old, new)
        if reference.at != references.BOOT_AFTER
    )
    plan = logs.for_new(session.host.fs, new, plan)
    plan = msgspec.structs.replace(plan, notes=notes)
    return Task(new, (Part(plan),), f"was {old}", notes)


def _waiting(found: Inventory, name: str) -> list[Guest]:
    return [guest for guest in found.guests.values() if name in guest.identity.boot.after]


def _refuse_taken(found: Inventory, new: str) -> None:
    if new in found.guests:
        raise ConflictError(f"guest {new} already exists", f"bsdvirt info {new}")
    refuse_stray(found, new)
