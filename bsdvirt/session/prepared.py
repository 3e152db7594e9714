"""Operations in two steps: prepare, which plans, and run, which runs those plans.

A request is a small frozen struct in ops/ or library/ that says what is wanted. Its `prepare` is
a context manager: it takes the locks, then reads the facts, plans, and yields a Prepared. `run` is
called in its block, while the locks are held. Without `run` it is a dry run, or the preview that a
user interface shows; `confirm` runs what such a preview has shown.

What is random in a plan comes from session.draws. Recovery, claims for hand-edited files and the
mounting of a guest's datasets are done by `prepare`: facts depend on them. A preview does none of
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from msgspec import Struct, field, structs

from bsdvirt.errors import BsdvirtError, ConflictError, as_told
from bsdvirt.layout import Layout
from bsdvirt.plan import events
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import Outcome, in_parallel
from bsdvirt.session.draws import Draws
from bsdvirt.session.session import Session


class Part(Struct, frozen=True):
    """One plan of a task, and how it is run."""

    plan: Plan
    journalled: bool = True
    home: Layout | None = None
    """The pool that its journal is kept on; the default is the guest's own, or the first."""
    optional: bool = False
    """A failure is reported as a warning, and the next part is run."""
    claimed: Callable[[], None] | None = None
    """Called once its claims are written: after its first step, or as Plan.claims says."""
    again: Callable[[], Plan] | None = None
    """Plans it again when its turn has come, for a part that depends on the result of an earlier
    one. If that is another plan than the one shown, a warning says so."""
    depends: bool = False
    """Only `again` knows the plan: the one that was shown has a stand-in for what is not known
    before an earlier part was run."""
    minor: bool = False
    """Its warnings do not count for the message of the task."""
    later: bool = False
    """Only shown: `Prepared.then` or another command runs it."""


class Task(Struct, frozen=True):
    """What is to be done to one object (guest, network, …), or the error why that is refused."""

    name: str
    parts: tuple[Part, ...] = ()
    message: str = ""
    """The message to report once all parts were run."""
    notes: tuple[str, ...] = ()
    error: BsdvirtError | None = None
    needs: tuple[str, ...] = ()
    """Tasks of Prepared.first that must not have failed."""
    before: Callable[[], None] | None = None
    """Called before the first part is run."""
    after: Callable[[], None] | None = None
    """Called after the last part was run."""
    words: Callable[[list[str]], str] | None = None
    """Returns the message, given the warnings of all parts; instead of `message`."""
    explain: Callable[[BsdvirtError], BsdvirtError] | None = None
    """Returns the error to report for the one that a part raised."""
    varying: tuple[str, ...] = ()
    """What differs in its plans each time that they are made, such as a deadline."""
    release: Callable[[], None] | None = None
    """Releases its locks, as soon as it has ended."""


class Request(Protocol):
    """What is wanted of some objects."""

    def prepare(self, session: Session) -> AbstractContextManager[Prepared]:
        """Take the locks, read the facts, plan. In a preview no lock is taken and nothing is
        recovered first."""


class Prepared(Struct, frozen=True):
    """The plans of an operation. Valid while the locks of its `prepare` are held."""

    session: Session
    tasks: list[Task]
    first: list[Task] = field(default_factory=list)
    """Tasks that others need, such as bringing up a network: run before them, one after the other.
    A failure is reported as the error of the tasks that need it."""
    parallel: bool = True
    then: Callable[[list[Outcome]], list[Outcome]] | None = None
    """Runs what comes after all tasks, given their outcomes; returns the outcomes of both. Parts
    for `later` show it."""

    @property
    def plans(self) -> list[Plan]:
        """Return all plans, in the order in which they are shown."""
        return [part.plan for task in (*self.first, *self.tasks) for part in task.parts]

    @property
    def outcomes(self) -> list[Outcome]:
        """Return the outcomes known before anything is run."""
        return [
            Outcome(task.name, "" if task.error else _message(task, []), task.error, task.notes)
            for task in sorted(self.tasks, key=lambda task: task.name)
        ]

    def same_as(self, other: Prepared) -> bool:
        """Return whether the plans and the refusals are the same."""
        return _essence(self) == _essence(other)

    def run(self) -> list[Outcome]:
        """Run the plans, those of several tasks in parallel; return the outcomes, sorted by
        name."""
        failed = self.run_first()
        by_name = {task.name: task for task in self.tasks}

        def one(name: str) -> Outcome:
            return self.run_task(by_name[name], failed)

        if self.parallel:
            outcomes = in_parallel(self.session, by_name, one)
        else:
            outcomes = [in_parallel(self.session, [name], one)[0] for name in by_name]
        outcomes = sorted(outcomes, key=lambda outcome: outcome.name)
        return self.then(outcomes) if self.then is not None else outcomes

    def run_first(self) -> dict[str, BsdvirtError]:
        """Run what the tasks need; return the errors, by task."""
        failed: dict[str, BsdvirtError] = {}
        for task in self.first:
            try:
                self.session.interrupt.check()
                error = self.run_task(task).error
            except Exception as raised:
                error = as_told(raised)
            if error is not None:
                failed[task.name] = error
        return failed

    def run_task(self, task: Task, failed: dict[str, BsdvirtError] | None = None) -> Outcome:
        """Run the plans of one task. Safe for several threads."""
        try:
            error = next((failed[name] for name in task.needs if failed and name in failed), None)
            if error := task.error or error:
                why = events.Refused("", "", task.name, error.message, error.hint)
                self.session.sink(why)
                return Outcome(task.name, error=error)
            return self._carried_out(task)
        finally:
            if task.release is not None:
                task.release()

    def _carried_out(self, task: Task) -> Outcome:
        warnings: list[str] = []
        try:
            if task.before is not None:
                task.before()
            for part in task.parts:
                if not part.later:
                    found = run_part(self.session, part)
                    warnings += [] if part.minor else found
        except BsdvirtError as error:
            if task.explain is None:
                raise
            raise task.explain(error) from None
        if task.after is not None:
            task.after()
        return Outcome(task.name, _message(task, warnings), notes=task.notes)


def _message(task: Task, warnings: list[str]) -> str:
    return task.words(warnings) if task.words is not None else task.message


def run_part(session: Session, part: Part) -> list[str]:
    """Run one plan, or report it in a preview. Return the warnings."""
    if session.preview:
        session.planned(part.plan)
        return []
    plan = part.plan if part.again is None else part.again()
    about = (plan.op, plan.verb, plan.subject)
    if plan is not part.plan and not part.depends and _bare(plan) != _bare(part.plan):
        text = "the host has changed since the plan was made: a new plan is run"
        session.sink(events.Warned(*about, text))
    try:
        return session.run(plan, journalled=part.journalled, claimed=part.claimed, home=part.home)
    except BsdvirtError as error:
        if not part.optional:
            raise
        session.sink(events.Warned(*about, error.message))
        return []


def attempt(
    session: Session, plan: Plan, errors: list[BsdvirtError], *, journalled: bool = True
) -> bool:
    """Run a plan that is one of several; return whether it did something. An error is added to
    `errors`, and stops none of the others."""
    if plan.empty:
        return False
    try:
        run_part(session, Part(plan, journalled))
    except BsdvirtError as error:
        errors.append(error)
        return False
    return True


def _bare(plan: Plan) -> str:
    """Return the plan as text, without the id of its operation."""
    text = repr(plan)
    return text.replace(plan.op, "OP") if plan.op else text


def _essence(prepared: Prepared) -> list[str]:
    """Return what makes two preparations the same."""
    texts = [f"{task.name}: {task.error}" for task in prepared.tasks if task.error]
    for task in (*prepared.first, *prepared.tasks):
        for part in task.parts:
            text = _bare(part.plan)
            for word in task.varying:
                text = text.replace(word, "VARYING")
            texts.append(text)
    return texts


def plan_each(names: Iterable[str], plan: Callable[[str], Task]) -> list[Task]:
    """Plan a task for each name, one after the other. An error becomes that of the task, and stops
    no other."""
    tasks = []
    for name in names:
        try:
            tasks.append(plan(name))
        except Exception as error:
            tasks.append(Task(name, error=as_told(error)))
    return tasks


def refused(outcomes: Iterable[Outcome]) -> list[Task]:
    """Return tasks for objects that were refused before planning."""
    return [Task(outcome.name, error=outcome.error) for outcome in outcomes]


# ---- callers ----


def carry_out(session: Session, request: Request) -> list[Outcome]:
    """Prepare and run; in a preview, report the plans. Return the outcomes.

    Raises ChangedError if the user has confirmed other plans (see Session.shown)."""
    if not session.preview and session.shown is not None:
        shown, session.shown = session.shown, None
        return confirm(session, request, shown)
    with _prepared(session, request) as prepared:
        if not session.preview:
            return prepared.run()
        session.previewed.append(prepared)
        for plan in prepared.plans:
            session.planned(plan)
        return prepared.outcomes


@contextmanager
def _prepared(session: Session, request: Request) -> Iterator[Prepared]:
    """Prepare a request: its plans are made from facts that are read once."""
    with ExitStack() as stack:
        with session.ahead.planning():
            prepared = stack.enter_context(request.prepare(session))
        yield prepared


def carry_out_one(session: Session, request: Request) -> Outcome:
    """The same for a request about one object. Raises the error of its outcome."""
    (outcome,) = carry_out(session, request)
    if outcome.error is not None:
        raise outcome.error
    return outcome


def preview(session: Session, request: Request) -> Prepared:
    """Prepare only: no lock is taken, nothing is recovered, nothing is run."""
    looking = structs.replace(session, preview=True, sink=events.ignore, draws=Draws())
    with _prepared(looking, request) as prepared:
        return prepared


class ChangedError(ConflictError):
    """The host has changed since the plans were shown: `now` has those to show instead."""

    def __init__(self, now: Prepared) -> None:
        super().__init__("the host has changed since this was shown", "look at the new plan")
        self.now = now


def confirm(session: Session, request: Request, shown: Prepared) -> list[Outcome]:
    """Run what a preview has shown. Raises ChangedError if the plans would be others now."""
    again = structs.replace(session, draws=shown.session.draws.again())
    with _prepared(again, request) as now:
        if now.same_as(shown):
            return now.run()
    raise ChangedError(now)
