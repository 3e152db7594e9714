"""Work on guests that wait for each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bsdvirt.errors import HostError, Interrupted
from bsdvirt.ops.boot.flow import Flow, Job, Outcomes
from bsdvirt.session.batch import Outcome


class Log:
    """Notes beginnings and ends, and how many were at work at once."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.lines: list[str] = []
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __call__(self, name: str, let_go: Callable[[], None]) -> Outcome:
        with self._lock:
            self.lines.append(f"+{name}")
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self.seconds)
        with self._lock:
            self._now -= 1
            self.lines.append(f"-{name}")
        if name.startswith("bad"):
            raise HostError(f"{name} fails")
        return Outcome(name, "done")


def test_each_waits_for_what_it_names() -> None:
    log = Log()
    jobs = [Job("a"), Job("b", ("a",)), Job("c", ("b",)), Job("d", ("not-there",))]
    ended = Flow(jobs, log, 4).run()
    assert set(ended) == {"a", "b", "c", "d"}
    assert [line for line in log.lines if line[1] != "d"] == ["+a", "-a", "+b", "-b", "+c", "-c"]
    assert log.lines.index("+d") < log.lines.index("-a")


def test_no_more_at_once_than_there_is_room_and_in_order() -> None:
    log = Log()
    Flow([Job(f"j{number}") for number in range(7)], log, 2).run()
    assert log.most == 2
    begun = [line for line in log.lines if line.startswith("+")]
    assert begun == sorted(begun)


def test_who_only_waits_leaves_its_place() -> None:
    there = threading.Event()

    def work(name: str, let_go: Callable[[], None]) -> Outcome:
        if name == "first":
            let_go()
            assert there.wait(5)
        there.set()
        return Outcome(name)

    assert len(Flow([Job("first"), Job("second")], work, 1).run()) == 2


def test_a_failure_may_refuse_what_waits() -> None:
    log = Log()

    def refuse(job: Job, ended: Outcomes) -> Outcome | None:
        if all(ended[name].ok for name in job.waits):
            return None
        return Outcome(job.name, error=HostError("refused"))

    jobs = [Job("bad"), Job("b", ("bad",)), Job("c", ("b",)), Job("d")]
    ended = Flow(jobs, log, 2, refuse=refuse).run()
    assert [name for name, outcome in ended.items() if not outcome.ok] == ["bad", "b", "c"]
    assert "+b" not in log.lines
    assert ended["d"].ok


def test_a_delay_takes_no_place() -> None:
    log = Log()
    began = time.monotonic()
    Flow([Job("late", delay=0.3), Job("soon")], log, 1).run()
    assert log.lines == ["+soon", "-soon", "+late", "-late"]
    assert 0.3 <= time.monotonic() - began < 2


def test_from_some_time_on_nothing_is_waited_for() -> None:
    began = time.monotonic()
    log = Log(0.6)
    jobs = [Job("a"), Job("b", ("a",)), Job("c", ("b",)), Job("d", ("c",))]
    Flow(jobs, log, 1, unordered_at=began + 0.1).run()
    assert time.monotonic() - began < 1.5
    assert log.most == 4


def test_at_the_deadline_it_ends_whatever_hangs() -> None:
    began = time.monotonic()
    ended = Flow([Job("a"), Job("b", ("a",))], Log(30), 2, deadline=began + 0.3).run()
    assert time.monotonic() - began < 1
    assert ended == {}


def test_asked_to_end_it_begins_nothing_more() -> None:
    log = Log(0.3)
    asked = time.monotonic() + 0.1

    def check() -> None:
        if time.monotonic() > asked:
            raise Interrupted("interrupted")

    ended = Flow([Job("a"), Job("b"), Job("c")], log, 1, check).run()
    assert ended["a"].ok
    assert not ended["c"].ok
    assert "+c" not in log.lines


def test_what_nobody_foresaw_is_that_ones_outcome() -> None:
    def work(name: str, let_go: Callable[[], None]) -> Outcome:
        if name == "odd":
            raise ValueError("odd bytes")
        if name == "gone":
            raise FileNotFoundError(2, "No such file or directory", "/x")
        return Outcome(name, "done")

    ended = Flow([Job("odd"), Job("gone"), Job("fine", ("odd",))], work, 1).run()
    assert ended["fine"].message == "done"
    assert str(ended["odd"].error).startswith("unexpected: ValueError: odd bytes (")
    assert str(ended["gone"].error) == "/x: No such file or directory"
