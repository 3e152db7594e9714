"""Clone guests of either kind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from msgspec import Struct, structs
from msgspec.structs import replace

from bsdvirt.errors import UsageError
from bsdvirt.guest.order import IDENTITY_PREFIX, Assignments, set_boot
from bsdvirt.guest.snapshots.clone import let_go_step
from bsdvirt.guest.snapshots.plan import plan_take
from bsdvirt.layout import Layout
from bsdvirt.ops.clone.order import CloneOrder, file_of_copy
from bsdvirt.ops.clone.source import Source, read_source
from bsdvirt.ops.create.guests import Create
from bsdvirt.plan.step import Plan
from bsdvirt.session.batch import Held, Outcome, hold
from bsdvirt.session.prepared import Part, Prepared, Task, run_part
from bsdvirt.session.session import Session


class Clone(Struct, frozen=True):
    """Make guests of a snapshot of another, each with an identity of its own. The source may run,
    and others may clone it meanwhile."""

    source: str
    names: tuple[str, ...]
    snapshot: str = ""
    """A snapshot of it; by default one is taken."""
    assignments: Assignments = ()
    """Properties of the clones that differ from the source's."""
    full: bool = False
    """Copies that do not depend on the source."""
    pool: Layout | None = None
    """The pool to make them on; by default that of the source. On another they are full copies."""
    start: bool = False
    keep_keys: bool = False
    """Keep in a jail's root what two guests should not share, such as host keys."""

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        """Raises NotFoundError for a source or a snapshot that does not exist, UsageError for a
        clone with the source's name, and as read_source and file_of_copy do."""
        if self.source in self.names:
            raise UsageError(
                f"{self.source} cannot be a clone of itself", "give the clone another name"
            )
        every = {self.source, *self.names}
        with (
            hold(session, every, "clone", shared=(self.source,)) as held,
            contextlib.ExitStack() as stack,
        ):
            _need_source(held, self.source)
            stack.callback(held.release, self.source)
            found = session.inventory()
            source = read_source(session, found, self.source, self.snapshot, min(self.names))
            yield self._prepared(session, held, stack, source)

    def _prepared(
        self, session: Session, held: Held, stack: contextlib.ExitStack, source: Source
    ) -> Prepared:
        guest = source.guest
        ours = [one for one in self.assignments if not one[0].startswith(IDENTITY_PREFIX)]
        spec, notes = file_of_copy(guest, source.spec, ours, session.networks())
        networks = [str(nic.network) for nic in spec.nics]
        stack.enter_context(session.using("clone", networks=networks, pool=self.pool))
        home = self.pool or guest.layout
        elsewhere = home.dataset != guest.layout.dataset
        # For several, one snapshot is taken first.
        taking = source.stamp is not None and len(self.names) == 1
        order = CloneOrder(
            source, spec, self.full or elsewhere, self.keep_keys, taking=taking, notes=notes
        )
        boot = set_boot(structs.replace(guest.identity.boot, auto=False), self.assignments)
        tags = tuple(guest.identity.tags)
        create = Create(
            self.names, order, boot, home, start=self.start, tags=tags,
            # What the journal of the first pool says may change the others too.
            journal=session.layout if elsewhere else None,
        )  # fmt: skip
        prepared = create.planned(session, held, stack)
        if order.full:
            prepared = _let_go(prepared, lambda: held.release(self.source))
        if taking or source.stamp is None:
            return prepared
        return _after_snapshot(session, source, prepared)


def _need_source(held: Held, name: str) -> None:
    """Raise the error of a source whose lock could not be taken."""
    for outcome in held.refused:
        if outcome.name == name and outcome.error is not None:
            raise outcome.error


def _let_go(prepared: Prepared, release: Callable[[], None]) -> Prepared:
    """Release the source once each clone has begun to be copied, or is refused: the copies may take
    hours, and meanwhile the source can be started and stopped."""
    left = {task.name for task in prepared.tasks if task.parts}
    guard = threading.Lock()

    def begun(name: str, before: Callable[[], None] | None) -> Callable[[], None]:
        def call() -> None:
            if before is not None:
                before()
            with guard:
                last = left == {name}
                left.discard(name)
            if last:
                release()

        return call

    def one(task: Task) -> Task:
        if not task.parts:
            return task
        first, *rest = task.parts
        first = replace(first, claimed=begun(task.name, first.claimed))
        return replace(task, parts=(first, *rest), release=begun(task.name, task.release))

    return replace(prepared, tasks=[one(task) for task in prepared.tasks])


def _after_snapshot(session: Session, source: Source, prepared: Prepared) -> Prepared:
    """Take the snapshot before all clones; it goes with the last of them, or, if none became a
    clone of it, at once."""
    if source.stamp is None or all(task.error for task in prepared.tasks):
        return prepared
    guest, op = source.guest, session.new_op()
    taken = plan_take(guest, source.snapshot, source.stamp, op)
    first = Task(f"snapshot of {guest.name}", (Part(taken, home=guest.layout),))
    last = Plan(
        "snapshot", guest.name, finish=(let_go_step(guest, source.snapshot, op),), op=op,
        must_journal=False,
    )  # fmt: skip
    tasks = [replace(task, needs=(*task.needs, first.name)) for task in prepared.tasks]
    shown = Part(last, home=guest.layout, optional=True)
    tasks[-1] = replace(tasks[-1], parts=(*tasks[-1].parts, replace(shown, later=True)))

    def then(made: list[Outcome]) -> list[Outcome]:
        run_part(session, shown)
        return made if prepared.then is None else prepared.then(made)

    return replace(prepared, tasks=tasks, first=[first, *prepared.first], then=then)
