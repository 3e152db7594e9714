"""What the executor tells of its work, as typed events. The command line, the log
and the terminal UI subscribe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bsdvirt.plan.step import Action


@dataclass(frozen=True, slots=True)
class Event:
    """Of which operation, on what."""

    op: str
    verb: str
    subject: str


@dataclass(frozen=True, slots=True)
class Started(Event):
    steps: int


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    index: int
    do: Action
    why: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """`done` of `total`, in files or bytes; total is 0 where it is not known."""

    why: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class StepDone(Event):
    index: int
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something went another way than it should, and was dealt with."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed(Event):
    message: str


@dataclass(frozen=True, slots=True)
class Undone(Event):
    """A step's effect was taken back; `error` where that failed."""

    do: Action
    error: str = ""


@dataclass(frozen=True, slots=True)
class Finished(Event):
    seconds: float
    ok: bool


Sink = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A sink that keeps nothing."""
