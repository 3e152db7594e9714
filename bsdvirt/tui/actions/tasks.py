"""Actions of tasks and of operations of the log."""

from __future__ import annotations

from bsdvirt.tui.actions.action import Action, Opens

TASK = frozenset({"task"})
UNDER_WAY = frozenset({"queued", "planning", "confirm", "running", "undoing"})

ACTIONS: tuple[Action, ...] = (
    Action("task", "Show", Opens("task"), key="enter", on=TASK | {"operation"}, group="task",
           help="Show what it does and has done, its commands, and what has failed."),
    Action("cancel-task", "Cancel", Opens("cancel-task"), key="x", on=TASK, states=UNDER_WAY,
           many=True, group="task", help="Cancel the task: what it has done is undone."),
)  # fmt: skip
