"""Operations prepared, shown, confirmed and run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bsdvirt.errors import ConflictError, StepError
from bsdvirt.layout import HOST_FILE
from bsdvirt.plan.events import Event, Warned
from bsdvirt.plan.step import MakeDirectory, Plan, RemoveFile, Rename, Step, Undo, WriteFile
from bsdvirt.session.prepared import (
    ChangedError,
    Part,
    Prepared,
    Task,
    carry_out,
    confirm,
    plan_each,
    preview,
)
from bsdvirt.session.session import Session
from bsdvirt_sim import SimHost

PLACE = "/srv/things"


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def session(tmp_path: Path, told: list[Event]) -> Session:
    session = Session(SimHost(tmp_path / "sim"), sink=told.append)
    session.host.fs.mkdir(HOST_FILE.rpartition("/")[0], 0o755)
    session.host.fs.write(HOST_FILE, "dataset: zroot/bsdvirt\n", 0o644)
    session.host.fs.mkdir(PLACE, 0o755)
    return session


@dataclass(frozen=True)
class Make:
    """Write a file for each name, with a word drawn at random in it."""

    names: tuple[str, ...]

    @contextlib.contextmanager
    def prepare(self, session: Session) -> Iterator[Prepared]:
        fs = session.host.fs

        def one(name: str) -> Task:
            path = f"{PLACE}/{name}"
            if fs.exists(path):
                raise ConflictError(f"{name} already exists")
            word = session.draws.source(name)(4).hex()
            step = Step(WriteFile(path, word), "make it", undo=(Undo(RemoveFile(path)),))
            plan = Plan("make", name, "host", (step,), op=session.new_op())
            return Task(name, (Part(plan, journalled=False),), f"made {word}")

        with contextlib.ExitStack() as stack:
            for name in self.names:
                stack.enter_context(session.locked("host", name, "make"))
            yield Prepared(session, plan_each(self.names, one))


def fails(name: str) -> Plan:
    return Plan("fail", name, "host", (Step(Rename("/srv/none", "/srv/other"), "cannot be done"),))


def test_one_that_cannot_be_planned_stops_no_other(session: Session) -> None:
    session.host.fs.write(f"{PLACE}/b", "old", 0o644)
    outcomes = carry_out(session, Make(("c", "b", "a")))
    assert [(one.name, one.ok) for one in outcomes] == [("a", True), ("b", False), ("c", True)]
    assert session.host.fs.read_text(f"{PLACE}/b") == "old"


def test_a_preview_takes_no_lock_and_changes_nothing(session: Session) -> None:
    with session.locked("host", "a", "another command"):
        shown = preview(session, Make(("a",)))
    assert [plan.subject for plan in shown.plans] == ["a"]
    assert session.host.fs.listdir(PLACE) == []


def test_what_was_shown_is_what_is_run(session: Session) -> None:
    request = Make(("a", "b"))
    shown = preview(session, request)
    outcomes = confirm(session, request, shown)
    assert [one.message for one in outcomes] == [one.message for one in shown.outcomes]
    written = [session.host.fs.read_text(f"{PLACE}/{name}") for name in ("a", "b")]
    assert [f"made {word}" for word in written] == [one.message for one in shown.outcomes]


def test_a_changed_host_is_a_conflict_with_the_new_plan(session: Session) -> None:
    request = Make(("a", "b"))
    shown = preview(session, request)
    session.host.fs.write(f"{PLACE}/b", "meanwhile", 0o644)
    with pytest.raises(ChangedError, match="has changed") as caught:
        confirm(session, request, shown)
    assert [plan.subject for plan in caught.value.now.plans] == ["a"]
    assert session.host.fs.listdir(PLACE) == ["b"]


def prepared(session: Session, *tasks: Task, first: tuple[Task, ...] = ()) -> Prepared:
    return Prepared(session, list(tasks), list(first))


def directory(name: str) -> Part:
    step = Step(MakeDirectory(f"{PLACE}/{name}", 0o755), "make it")
    return Part(Plan("make", name, "host", (step,)), journalled=False)


def test_what_a_task_needs_runs_first_and_its_failure_is_the_tasks(session: Session) -> None:
    broken = Task("net1", (Part(fails("net1"), journalled=False),))
    whole = Task("net0", (directory("net0"),))
    tasks = (
        Task("a", (directory("a"),), needs=("net0", "net1")),
        Task("b", (directory("b"),), needs=("net0",)),
    )
    outcomes = prepared(session, *tasks, first=(broken, whole)).run()
    assert [one.ok for one in outcomes] == [False, True]
    assert sorted(session.host.fs.listdir(PLACE)) == ["b", "net0"]


def test_an_optional_part_warns_and_the_next_one_runs(session: Session, told: list[Event]) -> None:
    parts = (Part(fails("a"), journalled=False, optional=True), directory("a"))
    assert prepared(session, Task("a", parts)).run()[0].ok
    assert session.host.fs.listdir(PLACE) == ["a"]
    assert [event for event in told if isinstance(event, Warned)]


def test_a_part_that_is_planned_again_says_where_it_differs(
    session: Session, told: list[Event]
) -> None:
    other = directory("other").plan
    same, differs = directory("same"), directory("was")
    parts = (
        Part(same.plan, journalled=False, again=lambda: same.plan),
        Part(differs.plan, journalled=False, again=lambda: other),
    )
    prepared(session, Task("a", parts)).run()
    assert sorted(session.host.fs.listdir(PLACE)) == ["other", "same"]
    (warning,) = [event for event in told if isinstance(event, Warned)]
    assert "has changed" in warning.message


def test_a_part_for_later_is_shown_and_not_run(session: Session) -> None:
    later = Part(directory("later").plan, later=True)
    ready = prepared(session, Task("a", (directory("now"), later)))
    assert [plan.subject for plan in ready.plans] == ["now", "later"]
    ready.run()
    assert session.host.fs.listdir(PLACE) == ["now"]


def test_a_task_is_explained_and_released_when_it_fails(session: Session) -> None:
    ended: list[str] = []
    task = Task(
        "a",
        (Part(fails("a"), journalled=False),),
        after=lambda: ended.append("after"),
        explain=lambda error: StepError(f"explained: {error.message}"),
        release=lambda: ended.append("released"),
    )
    (outcome,) = prepared(session, task).run()
    assert outcome.error is not None and outcome.error.message.startswith("explained: ")
    assert ended == ["released"]
