"""What the executor tells of its work, as typed events. The command line, the log
and the terminal UI subscribe."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bsdvirt.plan.step import Action, Plan


class Event(msgspec.Struct, frozen=True):
    """Of which operation, on what."""

    op: str
    verb: str
    subject: str


class Planned(Event, frozen=True):
    """A plan that is shown, and not run."""

    plan: Plan


class Started(Event, frozen=True):
    steps: int


class StepStarted(Event, frozen=True):
    index: int
    do: Action
    why: str


class Progress(Event, frozen=True):
    """`done` of `total`, in files or bytes; total is 0 where it is not known."""

    why: str
    done: int
    total: int
    unit: str


class ProgressEnded(Event, frozen=True):
    """Work that is not a step, and whose progress was shown, is over."""

    why: str


class StepDone(Event, frozen=True):
    index: int
    skipped: bool = False


class Told(Event, frozen=True):
    """Something for people to know as it goes: what takes long, and why."""

    message: str


class Warned(Event, frozen=True):
    """Something went another way than it should, and was dealt with."""

    message: str


class Logged(Event, frozen=True):
    """Something for the log: how long it took, and what it was."""

    seconds: float
    message: str


class Failed(Event, frozen=True):
    message: str


class Undone(Event, frozen=True):
    """A step's effect was taken back; `error` where that failed."""

    do: Action
    error: str = ""


class Finished(Event, frozen=True):
    seconds: float
    ok: bool


Sink = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A sink that keeps nothing."""
