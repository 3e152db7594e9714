"""A task: one command line of bsdvirt in the background, and what its events have said."""

from __future__ import annotations

import enum
import shlex
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bsdvirt.host.sanitize import bounded
from bsdvirt.rows import events as rows

MOST_SAID = 400
"""Messages that are kept of a task."""
MOST_STEPS = 2000
"""Steps that are kept of a task."""


class State(enum.Enum):
    """What becomes of a task; the value is what people read."""

    QUEUED = "queued"
    PLANNING = "planning"
    WAITING = "confirm"
    RUNNING = "running"
    CANCELLING = "undoing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


@dataclass(slots=True)
class Operation:
    """An operation on one object, as far as it has come."""

    verb: str
    subject: str
    steps: int
    done: int = 0
    why: str = ""
    """What the step under way is for."""
    ok: bool | None = None


@dataclass(slots=True)
class Task:
    """What is known of one task."""

    number: int
    host: str
    words: tuple[str, ...]
    label: str
    names: tuple[str, ...] = ()
    """The objects that it was asked to change."""
    asks: bool = False
    """Whether its plan is shown before it runs."""
    loses: bool = False
    """Whether data is lost: what goes is listed, and a name has to be typed."""
    state: State = State.QUEUED
    began: float = field(default_factory=time.time)
    ended: float | None = None
    plans: list[rows.Planned] = field(default_factory=list)
    refused: list[rows.Refused] = field(default_factory=list)
    changed: bool = False
    """Whether the plans have taken the place of others that were shown."""
    operations: dict[str, Operation] = field(default_factory=dict)
    progress: dict[tuple[str, str], rows.Progress] = field(default_factory=dict)
    """Of work under way, by its object and what is done."""
    said: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_SAID))
    steps: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_STEPS))
    """The commands that were run, as shell."""
    failures: list[rows.Failed] = field(default_factory=list)
    undone: list[rows.Undone] = field(default_factory=list)
    errors: list[rows.Error] = field(default_factory=list)
    output: str = ""
    """What it printed on standard output."""
    status: int | None = None
    cancelled: bool = False

    @property
    def command(self) -> str:
        """Return the command as typed in a shell."""
        return shlex.join(("bsdvirt", *self.words))

    @property
    def title(self) -> str:
        """Return what it does to what, in a few words."""
        what = self.label or (self.words[0] if self.words else "")
        if len(self.names) > 2:
            return f"{what} {self.names[0]} and {len(self.names) - 1} more"
        return " ".join([what, *self.names])

    @property
    def active(self) -> bool:
        return self.state not in ENDED

    @property
    def seconds(self) -> float:
        """Return how long it has taken."""
        return (self.ended if self.ended is not None else time.time()) - self.began

    # ---- what it says ----

    def take(self, event: rows.Report) -> None:
        """Take an event in."""
        match event:
            case rows.Planned():
                if self.state in (State.WAITING, State.RUNNING):
                    # The host has changed: these plans take the place of those that were shown.
                    self.state = State.PLANNING
                    self.plans, self.refused = [], []
                self.plans.append(event)
            case rows.Refused():
                self.refused.append(event)
            case rows.Ask(changed=changed):
                self.changed = changed
                self.state = State.WAITING
            case rows.Started():
                if self.state is not State.CANCELLING:
                    self.state = State.RUNNING
                self.operations[event.op] = Operation(event.verb, event.subject, event.steps)
            case rows.StepStarted():
                self.steps.append(event.action.shell)
                if (operation := self.operations.get(event.op)) is not None:
                    operation.why = event.why
            case rows.StepDone():
                if (operation := self.operations.get(event.op)) is not None:
                    operation.done = event.index + 1
                    self._end_progress(event.subject)
            case rows.Progress():
                if self.state is State.PLANNING and not self.asks:
                    self.state = State.RUNNING
                self.progress[event.subject, event.why] = event
            case rows.ProgressEnded():
                self.progress.pop((event.subject, event.why), None)
            case rows.Told():
                named = f"{event.subject}: " if event.subject else ""
                self.said.append(f"{named}{event.message}")
            case rows.Warned():
                self.said.append(f"{event.subject}: {event.message}")
            case rows.Failed():
                self.failures.append(event)
            case rows.Undone():
                self.undone.append(event)
            case rows.Finished(ok=ok):
                self._end_progress(event.subject)
                if (operation := self.operations.get(event.op)) is not None:
                    operation.ok, operation.why = ok, ""
            case rows.Error():
                self.errors.append(event)

    def _end_progress(self, subject: str) -> None:
        for key in [key for key in self.progress if key[0] == subject]:
            del self.progress[key]

    def end(self, status: int) -> None:
        """Take in that the process has ended."""
        self.status, self.ended = status, time.time()
        self.progress.clear()
        if status == 0:
            self.state = State.DONE
        else:
            self.state = State.CANCELLED if self.cancelled else State.FAILED

    # ---- what people read ----

    @property
    def doing(self) -> str:
        """Return what it does now, or how it has ended, in one line."""
        if not self.active:
            return self.result
        under_way = [one for one in self.operations.values() if one.ok is None]
        ended = len(self.operations) - len(under_way)
        if self.progress:
            return progress_text(next(reversed(self.progress.values())))
        if self.state is State.RUNNING and under_way:
            last = under_way[-1]
            text = f"step {min(last.done + 1, last.steps)} of {last.steps}: {last.why}"
            count = max(len(self.names), len(self.operations))
            return f"{ended} of {count} done; {last.subject}: {text}" if count > 1 else text
        if self.state is State.CANCELLING:
            return f"{len(self.undone)} steps undone"
        return self.said[-1] if self.said else ""

    @property
    def result(self) -> str:
        """Return how it has ended, in one line."""
        if self.state is State.CANCELLED:
            return "what was done is undone" if self.operations else ""
        if self.errors:
            first = self.errors[0]
            more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
            return f"{first.message}{more}"
        if self.state is State.FAILED:
            return self.said[-1] if self.said else f"exit status {self.status}"
        messages = self._messages()
        more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
        return f"{messages[0]}{more}" if messages else ""

    def _messages(self) -> list[str]:
        return [bounded(line) for line in self.output.splitlines() if line.strip()]

    @property
    def share(self) -> float | None:
        """Return how much of it is done, from 0 to 1; None if that is unknown."""
        if self.progress:
            last = next(reversed(self.progress.values()))
            return min(1.0, last.done / last.total) if last.total else None
        steps = sum(one.steps for one in self.operations.values())
        if not steps:
            return None
        count = max(len(self.names), len(self.operations))
        done = sum(one.done for one in self.operations.values())
        return min(1.0, done / (steps * count / len(self.operations)))


def progress_text(event: rows.Progress) -> str:
    """Return `fetch base.txz: 83M of 185M, 44%`."""
    from bsdvirt.rows.sizes import human_size

    def shown(number: int) -> str:
        return human_size(number) if event.unit == "bytes" else f"{number}"

    if not event.total:
        return f"{event.why}: {shown(event.done)}"
    share = min(100, event.done * 100 // event.total)
    return f"{event.why}: {shown(event.done)} of {shown(event.total)}, {share}%"


def plan_lines(plans: Sequence[rows.Planned], refused: Sequence[rows.Refused]) -> list[str]:
    """Return plans as --dry-run prints them, line by line: those that begin with # are no
    commands."""
    lines: list[str] = []
    for plan in plans:
        if not plan.steps and not plan.finish:
            lines.append(f"# {plan.verb} {plan.subject}: nothing to do: {plan.reason}")
            continue
        lines.append(f"# {plan.verb} {plan.subject}")
        lines += _step_lines(plan.steps)
        if plan.finish:
            lines.append("# from here nothing is undone")
            lines += _step_lines(plan.finish)
        lines += [f"# note: {note}" for note in plan.notes]
    for one in refused:
        lines.append(f"# {one.subject}: nothing is done: {one.message}")
    return lines


def _step_lines(steps: Sequence[rows.PlannedStep]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        lines.append(f"# {step.why}")
        lines += step.shell.split("\n")
        lines += [f"# where that fails: {line}" for line in step.otherwise]
    return lines
