"""Rows of operations: the events of --events json while they run, and the log of them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from bsdvirt.rows.base import SECONDS, Row, col


class Shown(Row, frozen=True, kw_only=True):
    """An action, as programs and people read it."""

    shell: Annotated[str, col("The action as a line of sh(1), or a comment that describes it.")]
    argv: Annotated[list[str] | UnsetType, col("Arguments of the command, if it is one.")] = UNSET
    path: Annotated[
        str | UnsetType, col("File or directory that it works on, if it is no command.")
    ] = UNSET


class PlannedStep(Shown, frozen=True, kw_only=True):
    """A step of a plan."""

    why: Annotated[str, col("What the step is for.")]
    otherwise: Annotated[list[str], col("What is done if it fails, as lines of sh(1).")] = []
    tolerant: Annotated[bool, col("Whether the operation continues if it fails.")] = False


class Report(Row, frozen=True, kw_only=True, tag_field="event"):
    """One line of --events json."""


class OfOperation(Report, frozen=True, kw_only=True):
    """What happened to an operation on one object."""

    op: Annotated[str, col("ID of the operation; empty for work that is none.")]
    verb: Annotated[str, col("What is done, such as start or fetch image.")]
    subject: Annotated[str, col("Name of the guest, network or other object.")]


class Planned(OfOperation, frozen=True, kw_only=True, tag="planned"):
    """A plan that is shown, and not run yet."""

    kind: Annotated[str, col("Kind of the object, such as guest or network.")]
    steps: Annotated[list[PlannedStep], col("Steps, which are undone if one fails.")]
    finish: Annotated[list[PlannedStep], col("Steps after which nothing is undone.")]
    reason: Annotated[str, col("Why there is nothing to do.")]
    notes: Annotated[list[str], col("Further remarks.")]


class Started(OfOperation, frozen=True, kw_only=True, tag="started"):
    """An operation begins."""

    kind: Annotated[str, col("Kind of the object, such as guest or network.")]
    steps: Annotated[int, col("Number of its steps.")]


class StepStarted(OfOperation, frozen=True, kw_only=True, tag="step-started"):
    """A step begins."""

    index: Annotated[int, col("Number of the step, from 0.")]
    action: Annotated[Shown, col("What is done.")]
    why: Annotated[str, col("What the step is for.")]


class Progress(OfOperation, frozen=True, kw_only=True, tag="progress"):
    """Progress of a step or a download."""

    why: Annotated[str, col("What is done.")]
    done: Annotated[int, col("How much is done.")]
    total: Annotated[int, col("How much there is in all; 0 if unknown.")]
    unit: Annotated[str, col("What is counted: bytes or files.")]


class ProgressEnded(OfOperation, frozen=True, kw_only=True, tag="progress-ended"):
    """Work that is not a step has ended."""

    why: Annotated[str, col("What was done.")]


class StepDone(OfOperation, frozen=True, kw_only=True, tag="step-done"):
    """A step has ended."""

    index: Annotated[int, col("Number of the step, from 0.")]
    skipped: Annotated[bool, col("Whether it was not necessary.")]


class Told(Report, frozen=True, kw_only=True, tag="told"):
    """A message about work that takes long, or another remark."""

    subject: Annotated[str, col("The object that it is about; empty if none is named.")] = ""
    message: Annotated[str, col("The message.")]


class Warned(OfOperation, frozen=True, kw_only=True, tag="warned"):
    """A problem that was dealt with."""

    message: Annotated[str, col("The message.")]


class Failed(OfOperation, frozen=True, kw_only=True, tag="failed"):
    """An operation failed; what was done is undone next."""

    message: Annotated[str, col("The error.")]
    hint: Annotated[str, col("What to do about it.")]
    argv: Annotated[list[str], col("The command that failed, if one did.")]
    status: Annotated[int | None, col("Its exit status, negative for a signal.")]
    stderr: Annotated[str, col("The end of its standard error.")]


class Undone(OfOperation, frozen=True, kw_only=True, tag="undone"):
    """A step was undone."""

    action: Annotated[Shown, col("What undoes it.")]
    error: Annotated[str, col("Why it could not be undone; empty if it was.")]


class Finished(OfOperation, frozen=True, kw_only=True, tag="finished"):
    """An operation has ended."""

    seconds: Annotated[float, col("How long it took.", unit=SECONDS)]
    ok: Annotated[bool, col("Whether it succeeded.")]


class Refused(Report, frozen=True, kw_only=True, tag="refused"):
    """An object to which nothing will be done, and why, before --ask asks."""

    subject: Annotated[str, col("Name of the guest, network or other object.")]
    message: Annotated[str, col("The error.")]
    hint: Annotated[str, col("What to do about it.")]


class Ask(Report, frozen=True, kw_only=True, tag="ask"):
    """The plans are shown: a line `yes` on standard input runs them."""

    changed: Annotated[bool, col("Whether the host has changed since the plans shown before.")]


class Error(Report, frozen=True, kw_only=True, tag="error"):
    """An error that the verb ends with, or that of one of several objects."""

    subject: Annotated[str, col("The object that it is about; empty if none is named.")] = ""
    message: Annotated[str, col("The error.")]
    hint: Annotated[str, col("What to do about it.")]
    exit_code: Annotated[int, col("Exit status for this error.")]


EVENTS = (
    Planned, Ask, Refused, Started, StepStarted, Progress, ProgressEnded, StepDone, Told, Warned,
    Failed, Undone, Finished, Error,
)  # fmt: skip
"""Every line of --events json is one of these."""


class NotUndone(Row, frozen=True, kw_only=True):
    """An undo that failed."""

    shell: Annotated[str, col("The undo as a line of sh(1).")]
    error: Annotated[str, col("Why it failed.")]


class Operation(Row, frozen=True, kw_only=True):
    """An operation, as the log has it and `events` lists it."""

    time: Annotated[str, col("Time of its end, UTC, as 2026-11-21T10:30:00Z.")]
    op: Annotated[str, col("ID of the operation; empty if it was not begun.")] = ""
    verb: Annotated[str, col("What was done, such as start.")]
    subject: Annotated[str, col("Name of the guest, network or other object.")]
    kind: Annotated[str, col("Kind of the object; empty if the operation was not begun.")] = ""
    ok: Annotated[bool, col("Whether it succeeded.")]
    seconds: Annotated[float, col("How long it took.", unit=SECONDS)] = 0.0
    user: Annotated[str, col("Login name of the user, boot, supervisor, or kernel.")] = ""
    uid: Annotated[int | None, col("User ID of that user; null if it is unknown.")] = None
    command: Annotated[list[str], col("The command line.")] = []
    message: Annotated[str, col("The error; or a remark.")] = ""
    hint: Annotated[str, col("What to do about an error.")] = ""
    argv: Annotated[list[str], col("The command of the base system that failed.")] = []
    status: Annotated[int | None, col("Its exit status, negative for a signal.")] = None
    stderr: Annotated[str, col("The end of its standard error.")] = ""
    undone: Annotated[list[str], col("What was undone, as lines of sh(1).")] = []
    left: Annotated[list[NotUndone], col("What could not be undone, and why.")] = []


def decoder() -> msgspec.json.Decoder[Report]:
    """Return a decoder for lines of --events json."""
    union: type[Report] = EVENTS[0]
    for other in EVENTS[1:]:
        union = union | other  # type: ignore[assignment]
    return msgspec.json.Decoder(union)
