"""Stop guests of either kind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bsdvirt.facts.host import LOOKS, HostFacts, read_host
from bsdvirt.guest.inventory import Guest, Inventory
from bsdvirt.guest.view import StopRequest
from bsdvirt.kinds import is_running, kind_of, read_spec
from bsdvirt.layout import RUN_FILES
from bsdvirt.ops import references
from bsdvirt.ops.power import hooks
from bsdvirt.plan.locks import is_held
from bsdvirt.plan.step import Plan, Step
from bsdvirt.session.batch import Outcome, hold, in_parallel
from bsdvirt.session.prepared import Part, Prepared, Task, plan_each, refused, run_part
from bsdvirt.session.session import Session
from bsdvirt.session.view import view_of
from bsdvirt.spec.hooks import Event


class StopGuests(Struct, frozen=True):
    """Stop guests, in order or (`force`) at once; what a stopped one has left is removed.
    `timeout` in seconds; the guest's own where it is not given."""

    names: tuple[str, ...]
    force: bool = False
    timeout: float | None = None

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        failed, ended = self._end_waiting(session)
        names = [name for name in self.names if name not in {task.name for task in failed}]
        with hold(session, names, "stop", ending=ended) as held:
            session.ahead.expect(*LOOKS)
            found = session.inventory()
            facts = read_host(session.host, *RUN_FILES)

            def one(name: str) -> Task:
                guest = found.guest(name)
                task = stop_task(
                    session, found, facts, guest, force=self.force, timeout=self.timeout
                )
                if not task.message:
                    left = references.left_running(session, found, facts, name, held.names())
                    task = replace(task, notes=left)
                elif name in ended and task.message == "not running":
                    # It was ended above.
                    task = replace(task, message="stopped", words=None)
                return replace(task, release=lambda: held.release(name))

            tasks = [*failed, *refused(held.refused), *plan_each(held.names(), one)]
            yield Prepared(session, tasks)

    def _end_waiting(self, session: Session) -> tuple[list[Task], list[str]]:
        """End the guests whose start or stop another command waits for: the tasks of those that
        cannot be ended, and the names of those that were."""
        states = ("starting", "stopping") if self.force else ("starting",)

        def end(name: str) -> Outcome:
            ends = end_waiting(session, name, states, force=self.force, timeout=self.timeout)
            return Outcome(name, "stopped" if ends else "")

        asked = in_parallel(session, self.names, end)
        failed = refused(outcome for outcome in asked if not outcome.ok)
        return failed, [outcome.name for outcome in asked if outcome.message]


def stop_task(
    session: Session,
    found: Inventory,
    facts: HostFacts,
    guest: Guest,
    *,
    force: bool = False,
    timeout: float | None = None,
    honor: bool = True,
) -> Task:
    """Plan the stop of one guest whose lock is held. With `honor=False`, a hook that fails does
    not keep it running. The task of a guest that does not run has that as its message."""
    kind, fs = kind_of(guest), session.host.fs
    view = view_of(session, found, session.networks())
    # A file that cannot be read must not keep the guest running.
    spec = read_spec(fs, guest)
    own = kind.stop_timeout(spec)
    seconds = own if timeout is None else timeout
    share = min(1.0, seconds / own)

    def hook_steps(event: Event) -> tuple[Step, ...]:
        if spec is None:
            return ()
        wanted = spec.hooks.at(event)
        return hooks.steps(session, event, wanted, guest, share=share, honor=honor)

    runs = is_running(guest, facts.jails, fs)
    how = StopRequest(seconds, share, force, hook_steps("stopping") if runs and not force else ())
    plan = kind.plan_stop(view, facts, guest, spec, how)
    parts = [Part(plan)]
    if not plan.reason and (honor or not force) and (after := hook_steps("stopped")):
        op = session.new_op()
        # Nothing of a stop can be undone.
        hooked = Plan("hooks", guest.name, "guest", after, op=op)
        parts.append(Part(hooked, journalled=False, minor=True))

    def words(warnings: Sequence[str]) -> str:
        forced = kind.forced(warnings, how)
        return plan.reason or ("stopped by force" if forced else "stopped")

    return Task(guest.name, tuple(parts), plan.reason, words=words)


def stop_now(
    session: Session,
    found: Inventory,
    facts: HostFacts,
    guest: Guest,
    *,
    force: bool = False,
    timeout: float | None = None,
    honor: bool = True,
) -> str:
    """Stop one guest whose lock is held; return the message."""
    task = stop_task(session, found, facts, guest, force=force, timeout=timeout, honor=honor)
    if session.preview:
        for part in task.parts:
            session.planned(part.plan)
        return task.message or "stopped"
    outcome = Prepared(session, [task]).run_task(task)
    if outcome.error is not None:
        raise outcome.error
    return outcome.message


def stop_seconds(session: Session, guest: Guest) -> float:
    """Return how long the guest's stop may take by its own file, until it is forced."""
    return kind_of(guest).stop_seconds(read_spec(session.host.fs, guest))


def end_waiting(
    session: Session,
    name: str,
    states: Sequence[str],
    *,
    force: bool = False,
    timeout: float | None = None,
    spare_protected: bool = False,
    found: Inventory | None = None,
) -> bool:
    """End what another command waits for while it holds the guest's lock: a start, which then
    fails with "stopped while starting", or a stop, which then ends sooner. Return whether the
    guest was in one of these states, and is ended.

    Its supervisor is asked, so no lock is needed; the other command undoes what it has begun.
    """
    if session.preview or not is_held(session.host.fs, "guest", name):
        return False
    found = found or session.inventory()
    guest = found.guests.get(name)
    if guest is None:
        return False
    kind, spec = kind_of(guest), read_spec(session.host.fs, guest)
    if spare_protected and spec is not None and spec.protected:
        return False
    seconds = timeout or kind.stop_timeout(spec)
    view = view_of(session, found, session.networks())
    plan = kind.plan_end(view, name, spec, states, StopRequest(seconds, force=force))
    if plan is None:
        return False
    run_part(session, Part(plan))
    return True


def end_for_destroy(session: Session, names: Sequence[str]) -> list[str]:
    """End by force the start or stop that another command waits for, of guests about to be
    destroyed; return their names. One that cannot be ended stays busy, and is refused for that."""
    states = ("starting", "stopping")

    def end(name: str) -> Outcome:
        ends = end_waiting(session, name, states, force=True, spare_protected=True)
        return Outcome(name, "stopped" if ends else "")

    return [outcome.name for outcome in in_parallel(session, names, end) if outcome.message]
