"""View 6: the tasks of this UI, and what was done on the hosts, by whom, and what failed."""

from __future__ import annotations

from datetime import datetime

from bsdvirt.rows.base import utc
from bsdvirt.rows.events import Operation
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.queries.operations import OPERATIONS
from bsdvirt.tui.tasks.describe import STATE_STYLES, duration
from bsdvirt.tui.tasks.task import Task
from bsdvirt.tui.views.asking import AskingView, key_of
from bsdvirt.tui.views.entries import HOST, Entry, column
from bsdvirt.tui.widgets.table import Key, LiveTable

COLUMNS = (
    column("time", "TIME", 11, descends=True),
    HOST,
    column("user", "USER", 8, rank=4),
    column("what", "WHAT", 10, grows=1),
    column("subject", "ON", 10, grows=1),
    column("state", "STATE", 9),
    column("took", "TOOK", 6, right=True, rank=3, descends=True),
    column("message", "MESSAGE", 12, grows=4, rank=1),
)
UNDER_WAY = "~"
"""Sorts after every time: tasks under way come first."""


class TasksView(AskingView):
    """Tasks and operations, the newest first."""

    name_ = "tasks"
    title = "Tasks"
    digit = "6"

    def make_table(self) -> LiveTable[Entry]:
        table: LiveTable[Entry] = LiveTable(COLUMNS, sort="took", empty="nothing was done yet")
        table.sort_by("time", reverse=True)
        return table

    async def ask(self, host: str) -> list[Entry]:
        found = await desk_of(self).ask(host, OPERATIONS)
        return [_of_log(host, number, row) for number, row in enumerate(found)]

    def show_rows(self) -> None:
        """Show the tasks of this UI before the operations of the logs. An operation is not shown
        twice: as that of a task, and as that of the log."""
        tasks = desk_of(self).tasks.all()
        ours = {op for task in tasks if len(task.operations) == 1 for op in task.operations}
        rows = {(entry := _of_task(task)).key: entry for task in tasks}
        for answer in self._answers.values():
            for row in answer.rows:
                if row.subject.name not in ours:
                    rows[row.key] = row
        self.table.show(rows)
        self._show_problems()

    def tasks_changed(self, ended: Task | None) -> None:
        """Called when tasks of this UI have changed."""
        if ended is not None:
            self.reload(ended.host)
        elif self.display and self.is_mounted:
            self.show_rows()


def _of_task(task: Task) -> Entry:
    state = task.state.value
    when = utc(task.began)
    cells = {
        "time": _shown_time(when), "user": "this UI", "what": task.label or task.words[0],
        "subject": " ".join(task.names), "state": state, "took": duration(task.seconds),
        "message": task.doing,
    }  # fmt: skip
    return Entry(
        key=_key(task),
        subject=Subject(task.host, "task", str(task.number), state),
        cells=cells,
        values={"time": f"{UNDER_WAY if task.active else ''}{when}", "took": task.seconds},
        styles={"state": STATE_STYLES[task.state]},
    )


def _key(task: Task) -> Key:
    return key_of(task.host, "task", str(task.number))


def _of_log(host: str, number: int, row: Operation) -> Entry:
    cells = {
        "time": _shown_time(row.time), "user": row.user, "what": row.verb, "subject": row.subject,
        "state": "done" if row.ok else "failed", "took": duration(row.seconds),
        "message": row.message,
    }  # fmt: skip
    name = row.op or f"{row.time} {number}"
    return Entry(
        key=key_of(host, "operation", f"{name} {row.subject}"),
        subject=Subject(host, "operation", name, cells["state"], row),
        cells=cells,
        values={"time": row.time, "took": row.seconds},
        styles={"state": "good" if row.ok else "bad", "user": "dim"},
    )


def _shown_time(text: str) -> str:
    """Return a time of a log in the zone of this terminal: 27 Nov 17:31 of another day, else
    17:31:05."""
    try:
        then = datetime.fromisoformat(text).astimezone()
    except ValueError:
        return text
    today = datetime.now().astimezone().date() == then.date()
    return then.strftime("%H:%M:%S" if today else "%d %b %H:%M")
