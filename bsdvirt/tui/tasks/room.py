"""Where tasks meet the rest of the UI: their screens, their line, the view of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import App

from bsdvirt.rows.events import Operation
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import Desk
from bsdvirt.tui.tasks.book import Shows, Tasks
from bsdvirt.tui.tasks.line import TaskLine
from bsdvirt.tui.tasks.screens import (
    DetailScreen,
    LossScreen,
    OperationScreen,
    PlanScreen,
    TaskScreen,
)
from bsdvirt.tui.tasks.task import State, Task


class Room(Shows):
    """Shows the tasks of an application."""

    def __init__(self, app: App[Any]) -> None:
        self._app: Any = app

    def argv_of(self, host: str, words: Sequence[str]) -> list[str]:
        argv: list[str] = self._app.sources[host].argv(words)
        return argv

    def say(self, text: str, *, problem: bool = False) -> None:
        self._app.say(text, problem=problem)

    def task_begun(self, task: Task) -> None:
        """Open the screen of a task that is to be confirmed."""
        if task.asks:
            self._app.push_screen(LossScreen(task) if task.loses else PlanScreen(task))

    def task_waits(self, task: Task) -> None:
        if not self._screens_of(task):
            self.task_begun(task)

    def tasks_changed(self, ended: Task | None) -> None:
        if not self._app.is_running:
            return
        if ended is not None:
            self._app.refresh_now()
        for screen in self._app.screen_stack:
            if hasattr(screen, "task_changed") and screen.is_mounted:
                screen.task_changed()
        main = self._app.main
        if main.ready:
            for line in main.query(TaskLine):
                line.draw()
            if (view := main.views.get("tasks")) is not None:
                view.tasks_changed(ended)

    def _screens_of(self, task: Task) -> list[TaskScreen]:
        return [
            one for one in self._app.screen_stack if isinstance(one, TaskScreen) and one.of is task
        ]


def open_row(desk: Desk, subject: Subject) -> None:
    """Show a row of the view of tasks: a task, or an operation of the log."""
    if subject.kind == "task":
        if (task := desk.tasks.get(int(subject.name))) is not None:
            open_task(desk, task)
    elif isinstance(subject.row, Operation):
        desk.push_screen(OperationScreen(subject.row, subject.host))


def open_task(desk: Desk, task: Task) -> None:
    """Show a task: its plan while it waits, else all that is known of it."""
    if task.state is State.WAITING:
        desk.push_screen(LossScreen(task) if task.loses else PlanScreen(task))
    else:
        desk.push_screen(DetailScreen(task))


def new_tasks(app: App[Any]) -> Tasks:
    """Return the tasks of an application: none yet."""
    return Tasks(Room(app))
