"""Typed events of the executor, for the command line, the log and the terminal UI."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from bsdvirt.errors import BsdvirtError, CommandError

if TYPE_CHECKING:
    # What only shows what is there prints warnings, and has no plan.
    from bsdvirt.plan.step import Action, Kind, Plan


class Event(msgspec.Struct, frozen=True):
    """Which operation, on which object."""

    op: str
    verb: str
    subject: str


class Planned(Event, frozen=True):
    """A plan that is shown, and not run."""

    plan: Plan


class Started(Event, frozen=True):
    steps: int
    kind: Kind = "guest"


class StepStarted(Event, frozen=True):
    index: int
    do: Action
    why: str


class Progress(Event, frozen=True):
    """Progress: `done` of `total`, in files or bytes; total is 0 if unknown."""

    why: str
    done: int
    total: int
    unit: str


class ProgressEnded(Event, frozen=True):
    """Work that is not a step, and whose progress was shown, has ended."""

    why: str


class StepDone(Event, frozen=True):
    index: int
    skipped: bool = False


class Told(Event, frozen=True):
    """A message about an operation that takes long, and why."""

    message: str


class Warned(Event, frozen=True):
    """A problem that was dealt with."""

    message: str


class Logged(Event, frozen=True):
    """An operation for the log, with its duration."""

    seconds: float
    message: str


class Failed(Event, frozen=True):
    """An operation failed. `argv`, `status` and `stderr` are those of the command that failed, if
    one did."""

    message: str
    hint: str = ""
    argv: tuple[str, ...] = ()
    status: int | None = None
    stderr: str = ""


class Refused(Event, frozen=True):
    """An operation that was not begun, and why."""

    message: str
    hint: str = ""


class Recovered(Event, frozen=True):
    """An operation that was cut short is undone or finished; `error` if that failed."""

    kind: Kind
    seconds: float
    error: str = ""
    hint: str = ""


class Undone(Event, frozen=True):
    """A step was undone; `error` if that failed."""

    do: Action
    error: str = ""


class Finished(Event, frozen=True):
    seconds: float
    ok: bool


def failed(op: str, verb: str, subject: str, error: BaseException) -> Failed:
    """Return the event of an error."""
    if not isinstance(error, BsdvirtError):
        return Failed(op, verb, subject, repr(error))
    if isinstance(error, CommandError):
        status = None if error.timed_out else error.status
        command = (error.argv, status, error.stderr)
        return Failed(op, verb, subject, error.message, error.hint, *command)
    return Failed(op, verb, subject, error.message, error.hint)


Sink = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore an event."""
