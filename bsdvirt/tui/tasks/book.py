"""The tasks of this UI: those under way, and the last ones that have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bsdvirt.rows import events as rows
from bsdvirt.tui.tasks.child import Child
from bsdvirt.tui.tasks.task import State, Task

MOST_KEPT = 200
"""Ended tasks that are kept."""
AT_ONCE = 8
"""Tasks that run at once, on each host; the others wait for their turn."""
TOASTS = 3
"""Tasks that end together, and are each told; of more, their number is."""
TOGETHER = 0.4
"""Seconds in which tasks end together."""
MOST_TOAST = 200
LATE = 0.1
"""Least seconds between two redrawings."""


class Shows(Protocol):
    """What the tasks need of the application."""

    def argv_of(self, host: str, words: Sequence[str]) -> list[str]:
        """Return the command that runs bsdvirt with these words on a host."""

    def say(self, text: str, *, problem: bool = False) -> None:
        """Show a short message for a moment."""

    def tasks_changed(self, ended: Task | None) -> None:
        """Called when tasks are to be drawn again; `ended` has just ended."""

    def task_begun(self, task: Task) -> None:
        """Called when a task was given."""

    def task_waits(self, task: Task) -> None:
        """Called when a task waits to be confirmed."""


class Tasks:
    """All tasks, by their number."""

    def __init__(self, shows: Shows) -> None:
        self._shows = shows
        self._tasks: dict[int, Task] = {}
        self._children: dict[int, Child] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._ended: list[Task] = []
        self._drawn = 0.0
        self._drawing: asyncio.TimerHandle | None = None
        self._count = 0

    def all(self) -> list[Task]:
        """Return the tasks, the newest first."""
        return list(reversed(self._tasks.values()))

    def active(self) -> list[Task]:
        """Return those that have not ended."""
        return [task for task in self._tasks.values() if task.active]

    def get(self, number: int) -> Task | None:
        return self._tasks.get(number)

    def run(
        self,
        host: str,
        words: Sequence[str],
        *,
        label: str = "",
        names: Sequence[str] = (),
        asks: bool = False,
        loses: bool = False,
        secrets: Sequence[str] = (),
        ended: Callable[[str], None] | None = None,
    ) -> Task:
        """Begin a task. `secrets` are lines for its standard input, which are kept nowhere;
        `ended` is called at its end, with the error or ""."""
        self._count += 1
        task = Task(
            self._count, host, tuple(words), label, tuple(names), asks=asks or loses, loses=loses
        )
        self._tasks[task.number] = task
        self._forget()
        job = asyncio.get_running_loop().create_task(self._run(task, secrets, ended))
        self._running.add(job)
        job.add_done_callback(self._running.discard)
        self._shows.task_begun(task)
        self._changed()
        return task

    def confirm(self, task: Task) -> None:
        """Run what the task has shown."""
        if task.state is State.WAITING:
            task.state = State.RUNNING
            self._children[task.number].send("yes")
            self._changed()

    def cancel(self, task: Task) -> None:
        """End a task: what it has done is undone."""
        if not task.active:
            return
        child = self._children.get(task.number)
        again, task.cancelled = task.cancelled, True
        if child is None:
            task.end(0)
            task.state = State.CANCELLED
        elif task.state is State.WAITING:
            child.send("no")
        elif again:
            self._shows.say(f"{task.title}: it is being undone")
            return
        else:
            task.state = State.CANCELLING
            # ssh(1) takes no signal to the other host.
            if task.host:
                child.send("cancel")
            else:
                child.interrupt()
        self._changed()

    async def wait(self) -> None:
        """Wait until no task is under way."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _run(
        self, task: Task, secrets: Sequence[str], ended: Callable[[str], None] | None
    ) -> None:
        async with self._turns.setdefault(task.host, asyncio.Semaphore(AT_ONCE)):
            if not task.active:
                return
            task.state = State.PLANNING
            # Another host's task is confirmed in any case: a line can then cancel it.
            confirmed = task.asks or bool(task.host)
            options = ("--events", "json", *(("--ask",) if confirmed else ()))
            argv = self._shows.argv_of(task.host, (*options, *task.words))
            child = Child(argv, lambda event: self._take(task, event), secrets)
            self._children[task.number] = child
            self._changed()
            try:
                status, task.output = await child.run()
            finally:
                del self._children[task.number]
        task.end(status)
        self._end(task)
        if ended is not None:
            ended("" if task.state is State.DONE else task.result or task.state.value)

    def _take(self, task: Task, event: rows.Report) -> None:
        task.take(event)
        if isinstance(event, rows.Ask):
            if task.asks:
                self._shows.task_waits(task)
            else:
                self.confirm(task)
        self._changed(soon=not isinstance(event, rows.Ask))

    def _forget(self) -> None:
        old = [number for number, task in self._tasks.items() if not task.active]
        for number in old[: max(0, len(old) - MOST_KEPT)]:
            del self._tasks[number]

    # ---- what is told ----

    def _changed(self, *, soon: bool = False) -> None:
        """Have the tasks drawn, a few times a second at most."""
        loop = asyncio.get_running_loop()
        if self._drawing is not None:
            return
        rest = self._drawn + LATE - time.monotonic()
        if soon and rest > 0:
            self._drawing = loop.call_later(rest, self._draw)
        else:
            self._draw()

    def _draw(self) -> None:
        self._drawing = None
        self._drawn = time.monotonic()
        self._shows.tasks_changed(None)

    def _end(self, task: Task) -> None:
        self._shows.tasks_changed(task)
        if not self._ended:
            asyncio.get_running_loop().call_later(TOGETHER, self._tell)
        self._ended.append(task)

    def _tell(self) -> None:
        """Say which tasks have ended: each, or how many."""
        ended, self._ended = self._ended, []
        bad = [task for task in ended if task.state is State.FAILED]
        if len(ended) <= TOASTS:
            for task in ended:
                result = f": {task.result}" if task.result else ""
                self._shows.say(f"{task.title}: {task.state.value}{result}"[:MOST_TOAST],
                                problem=task in bad)  # fmt: skip
        else:
            failed = f", {len(bad)} failed" if bad else ""
            text = f"{len(ended) - len(bad)} tasks done{failed}"
            self._shows.say(text, problem=bool(bad))
