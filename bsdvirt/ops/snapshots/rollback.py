"""Roll a guest back to one of its snapshots."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct, structs
from msgspec.structs import replace

from bsdvirt import record
from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.facts.host import read_host
from bsdvirt.facts.jls import read_jails
from bsdvirt.guest.inventory import Guest, Inventory, need_unlocked
from bsdvirt.guest.snapshots.rollback import (
    Lost,
    lost_by,
    plan_rollback,
    refuse_incomplete,
    refuse_loss,
    refuse_unconfirmed,
    refuse_unknown,
    unfit_disks,
)
from bsdvirt.guest.snapshots.sets import Snapshot, named
from bsdvirt.jail.mounted import refuse_neighbours
from bsdvirt.jail.mounts import refuse_lent
from bsdvirt.kinds import is_running, kind_of, load_spec_at
from bsdvirt.layout import RUN_FILES, snapshot_directory
from bsdvirt.ops.power.claims import fits, fitting_identity
from bsdvirt.ops.power.exclusive import ZVOLS
from bsdvirt.ops.power.restart import hook_notes, next_start_notes
from bsdvirt.ops.power.start import plan_starts, start_held
from bsdvirt.ops.power.stop import stop_task
from bsdvirt.ops.snapshots.held import holders
from bsdvirt.ops.snapshots.read import read_one
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import Held, Outcome, hold
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused
from bsdvirt.session.reading import Reading
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.mounts import within
from bsdvirt.zfs.since import read_bookmarks, read_since


class Rollback(Struct, frozen=True):
    """Roll a guest back to a snapshot: all its datasets, or none."""

    name: str
    snapshot: str
    stop: bool = False
    """Stop it first if it runs."""
    restart: bool = False
    """Stop it first if it runs, and start it afterwards."""
    force: bool = False
    """Even if the configuration in the snapshot cannot be read."""
    agreed: frozenset[str] | None = None
    """The snapshots and bookmarks whose loss was confirmed; None for any."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with hold(session, [self.name], "rollback") as held:
            again: list[bool] = []

            def one(name: str) -> Task:
                return self._task(session, session.inventory(), again)

            def then(outcomes: list[Outcome]) -> list[Outcome]:
                return _started(session, held, outcomes, ran=again[0]) if again else outcomes

            tasks = [*refused(held.refused), *plan_each(held.names(), one)]
            yield Prepared(session, tasks, then=then)

    def _task(self, session: Session, found: Inventory, again: list[bool]) -> Task:
        """Plan it. A guest that is to be started afterwards is noted in `again`, with whether it
        runs now."""
        guest, facts = found.guest(self.name), read_host(session.host, *RUN_FILES)
        running = is_running(guest, facts.jails, session.host.fs)
        if running and not (self.stop or self.restart):
            raise ConflictError(
                f"{guest.name} is running",
                "--stop stops it first, --restart also starts it afterwards",
            )
        _refuse_state(session, found, guest)
        refuse_neighbours(guest, facts.jails.values())
        refuse_lent(guest, [guest.name], facts.mounts)
        lost = self._lost(session, guest)
        _refuse_shared(session, found, lost.target)
        notes, starts = self._configuration(session, found, guest, lost.target)
        plan = plan_rollback(guest, lost.target, session.new_op(), [*lost.lines(), *notes])
        message = f"rolled back to {lost.target.name}"
        notes = (*lost.kept(), *notes)
        if self.restart:
            again.append(running)
        if not running:
            return Task(guest.name, (Part(plan), *starts), message, notes, varying=lost.amounts())
        stop = stop_task(session, found, facts, guest)
        back = Part(plan, again=lambda: self._again(session, plan, lost))
        return replace(
            stop,
            parts=(*stop.parts, back, *starts),
            message=f"stopped, and {message}",
            words=None,
            notes=notes,
            varying=lost.amounts(),
        )

    def _lost(self, session: Session, guest: Guest) -> Lost:
        """Return what is lost. Raises for what cannot be rolled back."""
        lost = read_lost(session, guest, self.snapshot)
        held = next((one for one in lost.later if one.holds), None)
        refuse_loss(lost, {held.name: holders(session, held)} if held is not None else {})
        if self.agreed is not None:
            refuse_unconfirmed(lost.target, self.agreed, lost)
        return lost

    def _again(self, session: Session, plan: Plan, before: Lost) -> Plan:
        """Check it again once the guest has stopped."""
        found = session.inventory()
        guest = found.guest(self.name)
        if is_running(guest, read_jails(session.host), session.host.fs):
            raise ConflictError(f"{guest.name} was started meanwhile", "try again")
        _refuse_state(session, found, guest)
        lost = self._lost(session, guest)
        refuse_unconfirmed(lost.target, before.names, lost)
        if _guids(lost.target) != _guids(before.target):
            raise ConflictError(f"{guest.name}@{self.snapshot} has changed meanwhile", "try again")
        return plan

    def _configuration(
        self,
        session: Session,
        found: Inventory,
        guest: Guest,
        target: Snapshot,
    ) -> tuple[tuple[str, ...], tuple[Part, ...]]:
        """Check the configuration that comes back: what to say of it, and how the guest would
        start with it. Raises for one that cannot be read, or with --restart cannot start."""
        try:
            spec = snapshot_spec(session, guest, target.name)
        except BsdvirtError as error:
            if not self.force:
                raise ConflictError(
                    f"the configuration in {guest.name}@{target.name} is not valid:"
                    f" {error.message}",
                    f"--force ignores that; to correct it then: bsdvirt edit {guest.name}",
                ) from None
            refuse_unknown(target)
            return (f"its configuration cannot be read: {error.message}",), ()
        wanted = kind_of(guest).own_datasets(guest, spec)
        refuse_incomplete(target, wanted)
        notes = (*unfit_disks(target, wanted), *_root_note(guest))
        root = guest.layout.jail_root(guest.name)
        contents = snapshot_directory(guest.root, target.name)
        trial = structs.replace(
            session,
            preview=True,
            sink=events.ignore,
            stopped=frozenset([guest.name]),
            stand_ins={guest.name: contents} if target.part_of(root) else {},
        )
        try:
            more, starts = _next_start(trial, found, guest, spec, wanted=self.restart)
        except BsdvirtError as error:
            if not self.restart:
                refusal = f"the next start will be refused: {error}"
                return (*notes, *hook_notes(session, spec), refusal), ()
            raise ConflictError(
                f"{guest.name} could not be started afterwards: {error.message}",
                "; ".join(filter(None, (error.hint, "or --stop, without --restart"))),
            ) from None
        return (*notes, *more), starts


def _next_start(
    trial: Session, found: Inventory, guest: Guest, spec: GuestSpec, *, wanted: bool
) -> tuple[tuple[str, ...], tuple[Part, ...]]:
    """Return what is to be said of the start with another configuration, and the parts of it, if
    it is `wanted`. Raises for claims that cannot be made to fit, and for a wanted start that would
    be refused."""
    networks = trial.networks()
    if not fits(guest.identity, spec, networks):
        random = trial.draws.source(guest.name)
        identity = fitting_identity(trial, guest, spec, found, networks, random)
        guest = record.replace(guest, identity=identity)
    starts: tuple[Part, ...] = ()
    if wanted:
        (task,) = plan_starts(trial, found, {guest.name: (guest, spec)}, networks)
        if task.error is not None:
            raise task.error
        starts = tuple(replace(part, later=True) for part in task.parts)
    return next_start_notes(trial, found, guest, spec, networks), starts


def _refuse_state(session: Session, found: Inventory, guest: Guest) -> None:
    session.need_mounted(found, guest.layout)
    need_unlocked(guest)


def _refuse_shared(session: Session, found: Inventory, target: Snapshot) -> None:
    """Raise ConflictError where another guest writes to one of the volumes."""
    own = [ZVOLS + part.dataset for part in target.parts]
    for name, other in found.guests.items():
        used = kind_of(other).disks_in_use(session.host.fs, name) if name != target.guest else ()
        for path in used:
            if any(within(path, one) for one in own):
                raise ConflictError(
                    f"{path} is in use by {name} as its disk", f"bsdvirt stop {name}"
                )


def _guids(target: Snapshot) -> list[tuple[str, int]]:
    return [(part.full, part.guid) for part in target.parts]


def _root_note(guest: Guest) -> tuple[str, ...]:
    own = guest.identity.root
    return () if own is None else (f"its root {own} is yours: it stays as it is",)


def read_lost(session: Reading, guest: Guest, name: str) -> Lost:
    """Return what a rollback takes away. Raises NotFoundError, ConflictError and CommandError."""
    snapshots = read_one(session, guest)
    target = named(snapshots, guest.name, name)
    since = read_since(session.host, {part.dataset: name for part in target.parts})
    return lost_by(target, snapshots, read_bookmarks(session.host, guest.dataset), since)


def snapshot_spec(session: Reading, guest: Guest, name: str) -> GuestSpec:
    """Return what the guest's file says in a snapshot. Raises UsageError for what is wrong in it,
    HostError where it cannot be read."""
    directory = snapshot_directory(guest.layout.guest_directory(guest.name), name)
    return load_spec_at(session.host.fs, guest, f"{directory}/guest.yaml")


def _started(session: Session, held: Held, outcomes: list[Outcome], *, ran: bool) -> list[Outcome]:
    """Start the guest; one that `ran` also where it was stopped and then not rolled back."""
    (outcome,) = outcomes
    if outcome.error is not None and not ran:
        return outcomes
    if outcome.name in session.pending("guest"):
        # It is to be finished first.
        return outcomes
    # What is random in the start is what the plan has shown.
    starting = structs.replace(session, draws=session.draws.again())
    (begun,) = start_held(starting, held, [outcome.name])
    if outcome.error is not None:
        now = f"not started again: {begun.error.message}" if begun.error else begun.message
        more = f"{outcome.name} is as it was, and {now}"
        outcome.error.hint = "; ".join(filter(None, (outcome.error.hint, more)))
        return outcomes
    if begun.error is not None:
        hint = begun.error.hint or f"bsdvirt logs {begun.name}"
        begun.error.hint = f"{begun.name} is {outcome.message}; {hint}"
        return [begun]
    return [replace(begun, message=f"{outcome.message}; {begun.message}", notes=outcome.notes)]
