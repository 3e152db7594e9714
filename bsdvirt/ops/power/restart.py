"""Restart guests; and starts that are planned before anything is done for them: of a guest that is
about to be created, and what the next start of a changed guest would refuse."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from msgspec import Struct, structs
from msgspec.structs import replace

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.facts.hooks import hook_problem
from bsdvirt.facts.host import LOOKS, read_host
from bsdvirt.facts.jls import read_jails
from bsdvirt.facts.sysctl import KERNEL_LOOK
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.guest.view import Parts
from bsdvirt.kinds import is_running, kind_of
from bsdvirt.layout import RUN_FILES
from bsdvirt.net.files import Networks
from bsdvirt.ops.power.start import StartGuests, begin, plan_starts
from bsdvirt.ops.power.stop import StopGuests, stop_task
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import Held, Outcome, hold
from bsdvirt.session.prepared import (
    Prepared,
    Request,
    Task,
    carry_out_one,
    plan_each,
    preview,
    refused,
    run_part,
)
from bsdvirt.session.session import Session
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.hooks import EVENTS


class RestartGuests(Struct, frozen=True):
    """Stop and start guests. One whose start would be refused is left as it is, and one that
    cannot be stopped is not started."""

    names: tuple[str, ...]
    force: bool = False
    timeout: float | None = None

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        with contextlib.ExitStack() as stack:
            held = stack.enter_context(hold(session, self.names, "restart"))
            session.ahead.expect(*LOOKS, KERNEL_LOOK)
            found = session.inventory()
            facts = read_host(session.host, *RUN_FILES)

            def one(name: str) -> Task:
                guest = found.guest(name)
                runs = is_running(guest, facts.jails, session.host.fs)
                start = _plan_start(_trial(session, name), name)
                if start.error is not None:
                    if runs:
                        more = f"{name} keeps running"
                        start.error.hint = "; ".join(filter(None, (start.error.hint, more)))
                    return start
                stop = stop_task(
                    session, found, facts, guest, force=self.force, timeout=self.timeout
                )
                return _joined(session, stack, held, stop, start)

            yield Prepared(session, [*refused(held.refused), *plan_each(held.names(), one)])


def _trial(session: Session, name: str) -> Session:
    """Return a session for a preview in which the guest is stopped."""
    return structs.replace(session, preview=True, sink=events.ignore, stopped=frozenset([name]))


def _plan_start(session: Session, name: str) -> Task:
    """Plan a start for a preview, with the networks that it brings up."""
    with contextlib.ExitStack() as stack:
        ready = begin(session, stack, Held({name: None}), [name])
        try:
            task = ready.refused[0] if ready.refused else ready.plan(name)
        except Exception as error:
            return Task(name, error=as_told(error))
    up = tuple(part for network in ready.networks for part in network.parts)
    return replace(task, parts=(*up, *task.parts), needs=())


def _joined(
    session: Session, stack: contextlib.ExitStack, held: Held, stop: Task, start: Task
) -> Task:
    """Return the stop and the start as one task. The start is planned again once the guest has
    stopped, with what it claims for itself held."""
    name, last = start.name, start.parts[-1]
    real: list[Task] = []

    def again() -> Plan:
        now = structs.replace(session, draws=session.draws.again())
        with now.ahead.planning():
            ready = begin(now, stack, held, [name])
        failed = Prepared(session, [], ready.networks).run_first()
        error = next(iter(failed.values()), ready.refused[0].error if ready.refused else None)
        if error is not None:
            raise error
        task = ready.plan(name)
        real.append(task)
        for part in task.parts[:-1]:
            run_part(session, part)
        return task.parts[-1].plan

    def explain(error: BsdvirtError) -> BsdvirtError:
        return real[0].explain(error) if real and real[0].explain else error

    def words(warnings: list[str]) -> str:
        task = real[0] if real else start
        return task.words(warnings) if task.words else ""

    def release() -> None:
        for task in real:
            if task.release is not None:
                task.release()
        held.release(name)

    shown = tuple(replace(part, later=True) for part in start.parts[:-1])
    return Task(
        name,
        (*stop.parts, *shown, replace(last, again=again)),
        notes=start.notes,
        words=words,
        explain=explain,
        release=release,
    )


def start_of_new(
    session: Session,
    found: Inventory,
    made: Mapping[str, tuple[Guest, GuestSpec]],
    networks: Networks,
    stand_ins: Mapping[str, str],
) -> tuple[dict[str, list[Plan]], list[Outcome]]:
    """Plan how guests that are about to be created will start; with the refusals. `stand_ins` are
    directories with the contents of their future roots."""
    trial = structs.replace(
        session, preview=True, sink=events.ignore, stopped=frozenset(made),
        stand_ins=stand_ins,
    )  # fmt: skip
    tasks = plan_starts(trial, found, _as_made(made), networks)
    plans = {task.name: [part.plan for part in task.parts] for task in tasks if not task.error}
    return plans, [Outcome(task.name, error=task.error) for task in tasks if task.error]


def _as_made(parts: Parts) -> Parts:
    return {
        name: (kind_of(guest).as_made(guest, spec), spec) for name, (guest, spec) in parts.items()
    }


def hook_notes(session: Session, spec: GuestSpec) -> list[str]:
    """Return what is wrong with the guest's hooks on this host."""
    return [
        f"hooks.{event}.host: {hook}: {why}"
        for event in EVENTS
        for hook in spec.hooks.at(event).host
        if (why := hook_problem(session.host, hook))
    ]


def next_start_notes(
    session: Session,
    found: Inventory,
    guest: Guest,
    spec: GuestSpec,
    networks: Networks,
) -> tuple[str, ...]:
    """Return what the next start of a guest that is changed so would refuse, or report."""
    notes = hook_notes(session, spec)
    parts = _as_made({guest.name: (guest, spec)})
    try:
        (task,) = plan_starts(_trial(session, guest.name), found, parts, networks)
    except BsdvirtError as error:
        task = Task(guest.name, error=error)
    if task.error and not any(note.partition(": ")[2] in str(task.error) for note in notes):
        notes.append(f"the next start will be refused: {task.error}")
    if kind_of(guest).repeats_notes:
        notes += [note for part in task.parts for note in part.plan.notes]
    return tuple(dict.fromkeys(notes))


def around(session: Session, name: str, request: Request) -> Outcome:
    """Carry out the request while the guest is stopped. A guest that is not running is not started;
    one for which the request would be refused keeps running. Raises the error of any of them; the
    guest is started also if the request fails."""
    guest = session.inventory().guest(name)
    if not is_running(guest, read_jails(session.host), session.host.fs):
        return carry_out_one(session, request)
    as_stopped = structs.replace(session, stopped=frozenset([name]))
    for task in preview(as_stopped, request).tasks:
        if task.error is not None:
            raise task.error
    carry_out_one(session, StopGuests((name,)))
    try:
        # In a preview it still runs.
        outcome = carry_out_one(as_stopped if session.preview else session, request)
    except BsdvirtError:
        carry_out_one(session, StartGuests((name,)))
        raise
    carry_out_one(structs.replace(session, stopped=as_stopped.stopped), StartGuests((name,)))
    return outcome
