"""A task, or an operation of the log, in full: lines to read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from bsdvirt.rows import events as rows
from bsdvirt.rows.sizes import human_size
from bsdvirt.tui.tasks.lines import Line, paragraph
from bsdvirt.tui.tasks.task import State, Task, plan_lines

STATE_STYLES = {
    State.QUEUED: "dim", State.PLANNING: "dim", State.WAITING: "warning", State.RUNNING: "accent",
    State.CANCELLING: "warning", State.DONE: "good", State.FAILED: "bad",
    State.CANCELLED: "warning",
}  # fmt: skip
_BYTES = re.compile(r"\((\d+) bytes\)")


def plan(task: Task) -> list[Line]:
    """Return what a task would do, as shell: commands, and comments that say why."""
    return [
        (line, "dim" if line.startswith("#") else "text")
        for line in plan_lines(task.plans, task.refused)
    ]


def losses(task: Task) -> list[Line]:
    """Return what is lost, by name, with its size."""
    lines: list[Line] = [(in_units(line), "bad") for line in task.said]
    if not lines:
        lines = [(f"{one.verb} {one.subject}", "bad") for one in task.plans]
    for one in task.refused:
        lines.append((f"{one.subject}: nothing is done: {one.message}", "dim"))
    return lines


def in_units(line: str) -> str:
    """Return a line with its number of bytes as people read it."""
    return _BYTES.sub(lambda found: f"({human_size(int(found[1]))}, {found[1]} bytes)", line)


def task_lines(task: Task) -> list[Line]:
    """Return all that is known of a task of this UI."""
    where = f" on {task.host}" if task.host else ""
    lines: list[Line] = [
        (f"{task.command}{where}", "accent"),
        (f"{task.state.value}, {duration(task.seconds)}", STATE_STYLES[task.state]),
    ]
    if task.doing and task.doing != task.state.value:
        lines += paragraph(task.doing, "text")
    # That it was not confirmed is no error to read about.
    errors = task.errors if task.operations or task.state is not State.CANCELLED else []
    for error in errors:
        subject = (
            f"{error.subject}: " if error.subject and error.subject not in error.message else ""
        )
        lines += [("", "text"), *paragraph(f"{subject}{error.message}", "bad")]
        lines += paragraph(error.hint, "warning", before="do: ")
    for failed in task.failures:
        lines += _failure(failed.argv, failed.status, failed.stderr)
    lines += _undone([one.action.shell for one in task.undone if not one.error])
    lines += _left([(one.action.shell, one.error) for one in task.undone if one.error])
    if task.said:
        lines += [("", "text"), ("messages", "heading")]
        lines += [(in_units(line), "text") for line in task.said]
    if task.output.strip():
        lines += [("", "text"), ("output", "heading"), *paragraph(task.output, "text")]
    if task.steps:
        lines += [("", "text"), ("commands that were run", "heading")]
        lines += [line for step in task.steps for line in paragraph(step, "text")]
    elif task.plans:
        lines += [("", "text"), ("plan", "heading"), *plan(task)]
    return lines


def operation_lines(row: rows.Operation, host: str) -> list[Line]:
    """Return all that the log has of an operation."""
    where = f" on {host}" if host else ""
    uid = f" (user ID {row.uid})" if row.uid is not None else ""
    lines: list[Line] = [
        (f"{row.verb} {row.subject}{where}", "accent"),
        ("ok" if row.ok else "failed", "good" if row.ok else "bad"),
        (f"ended {row.time}, took {duration(row.seconds)}, by {row.user or '?'}{uid}", "text"),
    ]
    if row.command:
        lines.append((shlex.join(("bsdvirt", *row.command)), "dim"))
    if row.message:
        lines += [("", "text"), *paragraph(row.message, "text" if row.ok else "bad")]
    lines += paragraph(row.hint, "warning", before="do: ")
    lines += _failure(row.argv, row.status, row.stderr)
    lines += _undone(row.undone)
    return lines + _left([(one.shell, one.error) for one in row.left])


def _failure(argv: Sequence[str], status: int | None, stderr: str) -> list[Line]:
    if not argv:
        return []
    how = "timed out" if status is None else f"exit status {status}"
    lines: list[Line] = [("", "text"), ("the command that failed", "heading")]
    lines += [(shlex.join(argv), "text"), (how, "bad")]
    return lines + paragraph(stderr, "bad", before="  ")


def _undone(undone: Sequence[str]) -> list[Line]:
    if not undone:
        return []
    return [("", "text"), ("what was undone", "heading"), *((line, "text") for line in undone)]


def _left(left: Sequence[tuple[str, str]]) -> list[Line]:
    if not left:
        return []
    lines: list[Line] = [("", "text"), ("what could not be undone", "heading")]
    return lines + [(f"{shell}: {error}", "bad") for shell, error in left]


def duration(seconds: float) -> str:
    """Return 0.4s, 12s, 3m05s, 2h10m."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
