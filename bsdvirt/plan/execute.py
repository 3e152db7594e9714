"""The executor: runs a plan's steps in order, journals each, undoes on failure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError, HostError, StepError
from bsdvirt.host.base import Host, LineSink
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.plan import events
from bsdvirt.plan.act import act_patiently, take_back
from bsdvirt.plan.conditions import holds
from bsdvirt.plan.events import Event, Sink
from bsdvirt.plan.fault import Faults
from bsdvirt.plan.journal import CommitUnknownError, Journal
from bsdvirt.plan.marks import marked_after
from bsdvirt.plan.step import Action, Command, DatasetOwned, Not, Plan, Step

PROGRESS_SECONDS = 0.1


class Executor(Struct):
    """Runs plans on a host. `state` is the directory of the journal; without one, nothing is
    journaled. Safe for several threads."""

    host: Host
    state: str | None
    sink: Sink = events.ignore
    interrupt: Interrupt = field(default_factory=Interrupt)
    faults: Faults = field(default_factory=lambda: Faults(""))

    def run(self, plan: Plan, claimed: Callable[[], None] | None = None) -> list[str]:
        """Run a plan, and return warnings about steps that failed and were replaced. `claimed`
        is called after the step that Plan.claims names.

        Raises the first error, after undoing the steps before it. If an undo fails too, the error
        says so, and the journal stays for `doctor --repair`.
        """
        if plan.empty:
            return []
        run = _Run(self, plan, claimed)
        run.carry_out()
        return run.warnings


class _NoJournal:
    """Replaces the journal if it cannot be written and is not required."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def begin(self, index: int, step: Step) -> None:
        self.begun.append(index)

    def done(self, index: int) -> None: ...
    def commit(self) -> None: ...
    def close(self, *, sync: bool = False) -> None: ...
    def leave(self) -> None: ...


class _Run:
    """The run of one plan."""

    def __init__(self, executor: Executor, plan: Plan, claimed: Callable[[], None] | None) -> None:
        self.claimed = claimed
        self.warnings: list[str] = []
        self.host = executor.host
        self.plan = plan
        self.sink = executor.sink
        self.interrupt = executor.interrupt
        self.faults = executor.faults
        self.about = (plan.op, plan.verb, plan.subject)
        self.committed = False
        self.marked: frozenset[str] = frozenset()
        """The datasets that bear the mark of this operation since one of its steps."""
        self.told = False
        self.journal = self._open_journal(executor.state)

    def _open_journal(self, state: str | None) -> Journal | _NoJournal:
        if state is None:
            return _NoJournal()
        try:
            return Journal.open(
                self.host.fs, state, self.plan, self.host.boot_id(), self.host.host_id()
            )
        except HostError as error:
            if self.plan.must_journal:
                raise
            self.emit(events.Warned(*self.about, f"{error.message}; continuing without it"))
            return _NoJournal()

    def emit(self, event: Event) -> None:
        self.sink(event)

    def _write(self, record: Callable[[Journal | _NoJournal], None]) -> None:
        """Write a record. Without space for it, plans that need no journal continue, and so do
        committed plans, as recovery would. Raises StepError if the operation must stop here."""
        try:
            record(self.journal)
        except StepError as error:
            if self.committed:
                self._go_on(error)
                return
            if self.plan.must_journal:
                raise
            self._go_on(error)
            begun = self.journal.begun
            if isinstance(self.journal, Journal):
                self.journal.give_up()
            self.journal = _NoJournal()
            self.journal.begun = begun

    def _go_on(self, error: StepError) -> None:
        if not self.told:
            self.told = True
            self.emit(events.Warned(*self.about, f"{error.message}; continuing without it"))

    def carry_out(self) -> None:
        began = time.monotonic()
        steps = len(self.plan.steps) + len(self.plan.finish)
        self.emit(events.Started(*self.about, steps, self.plan.kind))
        try:
            with self._undoing():
                for index, step in enumerate(self.plan.steps):
                    self.interrupt.check()
                    self._step(index, step)
                    if index == self.plan.claims and self.claimed:
                        self.claimed()
                number = self.faults.before()
                self._write(lambda journal: journal.commit())
                self.faults.after(number)
                self.committed = True
            with self.interrupt.shielded():
                self._finish()
        except BaseException:
            self.emit(events.Finished(*self.about, time.monotonic() - began, False))
            raise
        self.emit(events.Finished(*self.about, time.monotonic() - began, True))

    @contextmanager
    def _undoing(self) -> Iterator[None]:
        try:
            yield
        except CommitUnknownError as error:
            self.emit(events.failed(*self.about, error))
            self.journal.leave()
            raise
        except BaseException as error:
            self.emit(events.failed(*self.about, error))
            with self.interrupt.shielded():
                failures = self._undo()
            if failures and isinstance(error, BsdvirtError):
                error.hint = (
                    "not all could be undone: "
                    + "; ".join(failure.message for failure in failures)
                    + "; run bsdvirt doctor --repair"
                )
            raise

    def _undo(self) -> list[StepError]:
        failures: list[StepError] = []
        for index in reversed(self.journal.begun):
            failures += take_back(self.host, self.plan.steps[index].undo, self._undone)
        if failures:
            self.journal.leave()
        else:
            self.journal.close(sync=True)
        return failures

    def _undone(self, action: Action, error: str) -> None:
        self.emit(events.Undone(*self.about, action, error))

    def _finish(self) -> None:
        try:
            for index, step in enumerate(self.plan.finish, len(self.plan.steps)):
                self._step(index, step)
        except BaseException as error:
            self.journal.leave()
            if isinstance(error, BsdvirtError):
                error.hint = error.hint or "bsdvirt doctor --repair, which continues it"
            self.emit(events.failed(*self.about, error))
            raise
        self.journal.close()

    def _step(self, index: int, step: Step) -> None:
        if not step.at_once and self._is_needless(step):
            self.emit(events.StepDone(*self.about, index, skipped=True))
            return
        self.emit(events.StepStarted(*self.about, index, step.do, step.why))
        self._write(lambda journal: journal.begin(index, step))
        number = self.faults.before()
        began = time.monotonic()
        try:
            act_patiently(self.host, step.do, step.retry, self._progress(step))
            if isinstance(step.do, Command) and step.do.log:
                took = time.monotonic() - began
                self.emit(events.Logged(*self.about, took, f"{step.do.title}: ok"))
            self.marked = marked_after(self.marked, step.do, self.plan.op)
        except StepError as error:
            if not (step.at_once and self._is_needless(step)):
                self._remedy(step, error)
        self.faults.after(number)
        self._write(lambda journal: journal.done(index))
        self.emit(events.StepDone(*self.about, index))

    def _is_needless(self, step: Step) -> bool:
        """Whether the condition of a step holds. A mark that this run has set is not looked for:
        nobody else clears it."""
        match step.unless:
            case None:
                return False
            case Not(look=DatasetOwned(dataset=dataset, op=self.plan.op)):
                return dataset not in self.marked and holds(self.host, step.unless)
        return holds(self.host, step.unless)

    def _remedy(self, step: Step, error: StepError) -> None:
        """Perform the alternative of a failed step; without one, raise the error."""
        if not (step.remedy or step.tolerant) or self.interrupt.pending:
            raise error
        self.emit(events.Warned(*self.about, error.message))
        if step.tolerant:
            return
        self.warnings.append(error.message)
        failures = take_back(self.host, step.remedy, self._undone)
        if failures:
            raise failures[0] from error

    def _progress(self, step: Step) -> LineSink | None:
        if not step.lines and not step.size:
            return None
        meter = _Meter(step)

        def take(line: str) -> None:
            if meter.take(line):
                self.emit(
                    events.Progress(*self.about, step.why, meter.count, meter.total, meter.unit)
                )

        return take


_MOVED = re.compile(r"\s*(\d+) bytes .*transferred|\S*:\S*\s+(\d+)\s|\s*\((\d+\.\d+)/100%\)")
"""A progress line of dd(1), zfs send -vP or qemu-img -p."""


class _Meter:
    """Counts lines of tar -v, or reads the number of bytes from zfs send -vP, dd(1) and
    qemu-img."""

    def __init__(self, step: Step) -> None:
        self.total = step.size or step.lines
        self.unit = "bytes" if step.size else "files"
        self.count = 0
        self._told = 0.0

    def take(self, line: str) -> bool:
        """Count a line, and return whether to report progress now."""
        if self.unit == "files":
            self.count += 1
        else:
            if (found := _MOVED.match(line)) is None:
                return False
            self.count = (
                int(self.total * float(found[3]) / 100) if found[3] else int(found[1] or found[2])
            )
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS and self.count < self.total:
            return False
        self._told = now
        return True
