"""Upgrade jails to a newer release or patch level, return, and drop the old root."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from bsdvirt.errors import ConflictError, HostError, NotFoundError, UsageError
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest, Inventory, guest_text, need_unlocked
from bsdvirt.jail.upgrade.plan import (
    RELEASE_PROPERTY,
    Choice,
    Configuration,
    lost,
    plan_back,
    plan_drop,
    plan_upgrade,
    work_directory,
)
from bsdvirt.kinds import as_spec, is_running, load_spec, need_kind
from bsdvirt.ops.upgrade.root import Upgraded, look
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import hold
from bsdvirt.session.prepared import Part, Prepared, Task
from bsdvirt.session.session import Session
from bsdvirt.spec.base import RELEASE
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.jail import NO_RELEASE, Jail
from bsdvirt.zfs.base import Dataset

WHY = "its system upgrades itself"
SHOWN = 8
"""Paths in a note or an error."""


class Upgrade(Struct, frozen=True):
    """Give a jail a new root from the newest patch level of a release, by default its own. What the
    jail has of its own is kept, and so is the old root."""

    name: str
    release: str = ""
    choice: Choice = ""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError for a release that is missing, ConflictError for a jail that runs or
        has conflicts, HostError without space."""
        with _held(session, self.name, "upgrade") as (found, guest):
            spec = _spec(session, guest)
            release = self.release or guest.identity.release
            with session.using("upgrade", releases={release, guest.identity.release}):
                yield Prepared(session, [self._task(session, found, guest, spec, release)])

    def _task(
        self, session: Session, found: Inventory, guest: Guest, spec: Jail, release: str
    ) -> Task:
        name = guest.name
        _refuse_running(session, guest)
        upgraded = look(session, found, guest, spec, release, self.choice)
        if upgraded.root is None:
            reason = f"up to date: {upgraded.version}"
            return Task(name, (Part(Plan("upgrade", name, reason=reason)),), reason)
        if kept := _kept(guest):
            raise ConflictError(
                f"{kept.name} is kept from an earlier upgrade", f"bsdvirt upgrade {name} --drop"
            )
        _refuse_conflicts(name, upgraded)
        notes = _notes(guest, upgraded)
        file = _file(session, guest, spec, release)
        left = session.host.fs.exists(work_directory(guest))
        plan = plan_upgrade(guest, upgraded.root, file, session.new_op(), notes, left=left)
        message = f"upgraded from {upgraded.before or 'an unknown version'} to {upgraded.version}"
        return Task(name, (Part(plan),), message, notes)


class Back(Struct, frozen=True):
    """Exchange a jail's root and the one that is kept from before its last upgrade."""

    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError if none is kept, ConflictError for a jail that runs."""
        with _held(session, self.name, "upgrade --back") as (_, guest):
            spec = _spec(session, guest)
            kept = _need_kept(guest)
            _refuse_running(session, guest)
            release = session.zfs.local(kept.name, RELEASE_PROPERTY) or guest.identity.release
            if not re.match(RELEASE, release):
                raise HostError(
                    f"{kept.name}: {RELEASE_PROPERTY} is not a release",
                    f"zfs inherit {RELEASE_PROPERTY} {kept.name}",
                )
            file = _file(session, guest, spec, release)
            plan = plan_back(guest, release, file, session.new_op())
            notes = (
                f"{kept.name} is now the root that it had, with what was written since the"
                f" upgrade; to exchange them again: bsdvirt upgrade {guest.name} --back",
            )
            task = Task(guest.name, (Part(plan),), f"back to its root from {release}", notes)
            yield Prepared(session, [task])


class Drop(Struct, frozen=True):
    """Destroy the root that is kept from before a jail's last upgrade."""

    name: str

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError if none is kept, ConflictError if it has clones."""
        with _held(session, self.name, "upgrade --drop") as (_, guest):
            kept = _need_kept(guest)
            for snapshot in session.zfs.snapshots(kept.name):
                if clones := session.zfs.clones(snapshot):
                    raise ConflictError(
                        f"{snapshot} has clones: {', '.join(clones)}",
                        f"zfs promote {clones[0]}, or destroy them",
                    )
            plan = plan_drop(guest, session.new_op())
            yield Prepared(session, [Task(guest.name, (Part(plan),), f"destroyed {kept.name}")])


def what_goes(session: Session, name: str) -> list[str]:
    """Return what Drop destroys. Raises as it does."""
    guest = session.inventory().guest(name)
    need_kind(guest, "jail", WHY, f"bsdvirt console {name}")
    kept = _need_kept(guest)
    return lost(guest, session.zfs.snapshots(kept.name))


# ---- reading ----


@contextlib.contextmanager
def _held(session: Session, name: str, verb: str) -> Iterator[tuple[Inventory, Guest]]:
    with hold(session, [name], verb) as held:
        if held.refused and held.refused[0].error is not None:
            raise held.refused[0].error
        found = session.inventory()
        guest = found.guest(name)
        need_kind(guest, "jail", WHY, f"bsdvirt console {name}")
        session.need_mounted(found, guest.layout)
        need_unlocked(guest)
        yield found, guest


def _spec(session: Session, guest: Guest) -> Jail:
    spec = load_spec(session.host.fs, guest)
    jail = as_spec(guest.name, spec, Jail, WHY, f"bsdvirt console {guest.name}")
    if guest.identity.root is not None or guest.identity.release in ("", NO_RELEASE):
        raise UsageError(
            f"{guest.name}: its root is not from a release",
            f"upgrade it from inside: bsdvirt console {guest.name}",
        )
    return jail


def _file(session: Session, guest: Guest, spec: Jail, release: str) -> Configuration:
    text = guest_text(session.host.fs, guest.layout, guest.name)
    after = msgspec.structs.replace(spec, release=release)
    return Configuration(text, edit_yaml(text, spec, after))


def _kept(guest: Guest) -> Dataset | None:
    name = guest.layout.old_root(guest.name)
    return next((dataset for dataset in guest.datasets if dataset.name == name), None)


def _need_kept(guest: Guest) -> Dataset:
    kept = _kept(guest)
    if kept is None:
        raise NotFoundError(
            f"{guest.name}: no root is kept from an earlier upgrade",
            f"bsdvirt snapshot ls {guest.name}",
        )
    return kept


def _refuse_running(session: Session, guest: Guest) -> None:
    running = is_running(guest, read_jails(session.host), session.host.fs)
    if running and guest.name not in session.stopped:
        raise ConflictError(
            f"{guest.name} is running", f"bsdvirt stop {guest.name}, or add --restart"
        )


# ---- words ----


def _refuse_conflicts(name: str, upgraded: Upgraded) -> None:
    conflicts = upgraded.decisions.conflicts
    if conflicts:
        named = "; ".join(f"/{path}: {why}" for path, why in list(conflicts.items())[:SHOWN])
        more = f"; and {len(conflicts) - SHOWN} more" if len(conflicts) > SHOWN else ""
        raise ConflictError(
            f"{name}: the jail and the release have changed the same: {named}{more}",
            "change these files in the jail, or add --conflicts ours to keep the jail's, theirs to"
            " take the release's",
        )


def _notes(guest: Guest, upgraded: Upgraded) -> tuple[str, ...]:
    name, decisions = guest.name, upgraded.decisions
    notes = []
    if decisions.merge:
        notes.append(f"merged: {_paths(sorted(decisions.merge))}")
    if decisions.replaced:
        notes.append(
            "changed in the jail, and replaced by the release's:"
            f" {_paths(sorted(decisions.replaced))}"
        )
    if upgraded.packages:
        notes.append(
            f"its packages are for {upgraded.packages}: bsdvirt pkg {name} upgrade -f, once it runs"
        )
    notes.append(
        f"the old root is kept; to return to it: bsdvirt upgrade {name} --back; to destroy it:"
        f" bsdvirt upgrade {name} --drop"
    )
    return tuple(notes)


def _paths(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(f"/{path}" for path in paths[:SHOWN]) + more
