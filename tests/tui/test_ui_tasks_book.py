"""The list of tasks by itself: how many run at once, what is told, what is kept."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import pytest

from bsdvirt.tui.tasks import book
from bsdvirt.tui.tasks.book import Shows, Tasks
from bsdvirt.tui.tasks.task import State, Task


class Shown(Shows):
    """What was shown of tasks that run a program each."""

    def __init__(self, *argv: str) -> None:
        self.argv = argv
        self.said: list[tuple[str, bool]] = []
        self.most = 0
        self.tasks = Tasks(self)

    def argv_of(self, host: str, words: Sequence[str]) -> list[str]:
        return [*self.argv, *words]

    def say(self, text: str, *, problem: bool = False) -> None:
        self.said.append((text, problem))

    def tasks_changed(self, ended: Task | None) -> None:
        up = [one for one in self.tasks.active() if one.state is not State.QUEUED]
        self.most = max(self.most, len(up))

    def task_begun(self, task: Task) -> None:
        return

    def task_waits(self, task: Task) -> None:
        return


def run(shown: Shown, count: int) -> None:
    async def flow() -> None:
        for number in range(count):
            shown.tasks.run("", ["start", f"g{number}"], label="Start", names=[f"g{number}"])
        await shown.tasks.wait()
        await asyncio.sleep(book.TOGETHER * 2)

    asyncio.run(flow())


def test_many_tasks_are_told_in_one_line_and_run_some_at_once() -> None:
    shown = Shown("/bin/sh", "-c", "sleep 0.05")
    run(shown, 40)
    assert {task.state for task in shown.tasks.all()} == {State.DONE}
    assert shown.most <= book.AT_ONCE
    assert sum(int(text.split()[0]) for text, _ in shown.said if "tasks done" in text) > 30
    assert len(shown.said) < 10


def test_what_is_no_event_is_a_message_and_its_last_line_the_error() -> None:
    shown = Shown("/bin/sh", "-c", "echo one >&2; printf 'a\\033[2Jb\\nlast\\n' >&2; exit 3")
    run(shown, 1)
    (task,) = shown.tasks.all()
    assert task.state is State.FAILED and task.status == 3
    assert list(task.said) == ["one", "a\\x1b[2Jb", "last"]
    assert shown.said == [("Start g0: failed: last", True)]


def test_a_program_that_cannot_be_run_fails_plainly() -> None:
    shown = Shown("/nosuch/program")
    run(shown, 1)
    assert shown.said == [("Start g0: failed: /nosuch/program: No such file or directory", True)]


def test_output_without_end_is_bounded() -> None:
    flood = "import sys; [sys.stdout.write('x' * 65536) for _ in range(64)];"
    flood += "[sys.stderr.write('y' * 65536) for _ in range(128)]; sys.stderr.write('\\nend\\n')"
    shown = Shown(sys.executable, "-c", flood)
    run(shown, 1)
    (task,) = shown.tasks.all()
    assert len(task.output) <= 1 << 20
    assert list(task.said) == ["end"]


def test_old_tasks_are_forgotten_but_none_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_KEPT", 3)
    shown = Shown("/bin/sh", "-c", "true")
    run(shown, 8)
    run(shown, 1)
    assert len(shown.tasks.all()) <= 8


def test_a_queued_task_is_cancelled_without_being_run() -> None:
    shown = Shown("/bin/sh", "-c", "sleep 0.3")

    async def flow() -> None:
        tasks = [shown.tasks.run("", ["start"]) for _ in range(book.AT_ONCE + 1)]
        await asyncio.sleep(0.1)
        assert {one.state for one in tasks[-1:]} == {State.QUEUED}
        shown.tasks.cancel(tasks[-1])
        await shown.tasks.wait()
        assert {one.state for one in tasks[:-1]} == {State.DONE}
        assert tasks[-1].state is State.CANCELLED

    asyncio.run(flow())
