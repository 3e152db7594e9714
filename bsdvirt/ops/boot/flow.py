"""Work on guests that wait for each other: threads, bounded, until a deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.session.batch import Outcome

TICK_SECONDS = 0.5
"""How long a signal waits at most."""

Outcomes = Mapping[str, Outcome]


class Job(Struct, frozen=True):
    """Work on one guest."""

    name: str
    waits: Collection[str] = ()
    """The jobs that must have ended before. One that is not in the flow is not waited for."""
    delay: float = 0.0
    """Seconds between the end of those and its beginning."""


Work = Callable[[str, Callable[[], None]], Outcome]
"""Does the work on one guest; it may let its place go to another early."""


class Flow(Struct):
    """Jobs, each begun as soon as the jobs that it waits for have ended.

    `refuse` may end a job before it begins, given the outcomes of those. From `unordered_at` on
    all remaining jobs begin without waiting. At `deadline` unfinished jobs are abandoned: their
    threads go on until the process ends.
    """

    jobs: Sequence[Job]
    work: Work
    width: int
    check: Callable[[], None] = lambda: None
    refuse: Callable[[Job, Outcomes], Outcome | None] = lambda job, ended: None
    unordered_at: float = float("inf")
    deadline: float = float("inf")
    ended: dict[str, Outcome] = field(default_factory=dict)
    _begin_at: dict[str, float] = field(default_factory=dict)
    _inbox: queue.SimpleQueue[tuple[str, Outcome | BaseException | None]] = field(
        default_factory=queue.SimpleQueue
    )

    def run(self) -> dict[str, Outcome]:
        """The outcomes of those that ended in time."""
        waiting = {job.name: job for job in self.jobs}
        working: set[str] = set()
        places = self.width
        while (waiting or working) and time.monotonic() < self.deadline:
            self._check(waiting)
            places -= self._begin(waiting, working, places)
            if not waiting and not working:
                break
            try:
                name, outcome = self._inbox.get(timeout=self._patience(waiting, places))
            except queue.Empty:
                continue
            if outcome is None:
                places += 1
                continue
            working.discard(name)
            if not isinstance(outcome, Outcome):
                raise outcome
            self.ended[name] = outcome
        return self.ended

    def _check(self, waiting: dict[str, Job]) -> None:
        """Where we were asked to end, nothing more begins."""
        try:
            self.check()
        except BsdvirtError as error:
            for name in waiting:
                self.ended[name] = Outcome(name, error=error)
            waiting.clear()

    def _begin(self, waiting: dict[str, Job], working: set[str], places: int) -> int:
        """Begin what can begin; how many places that took."""
        now = time.monotonic()
        hurry = now >= self.unordered_at
        taken = 0
        again = True
        while again:
            again = False
            for job in list(waiting.values()):
                if not hurry and any(name in waiting or name in working for name in job.waits):
                    continue
                if not hurry and (refused := self.refuse(job, self.ended)) is not None:
                    self.ended[job.name] = refused
                    del waiting[job.name]
                    again = True
                    continue
                begin_at = self._begin_at.setdefault(job.name, now + job.delay)
                if hurry or (begin_at <= now and taken < places):
                    del waiting[job.name]
                    working.add(job.name)
                    taken += 1
                    self._spawn(job.name)
        return taken

    def _patience(self, waiting: Mapping[str, Job], places: int) -> float:
        now = time.monotonic()
        ends = [now + TICK_SECONDS, self.deadline]
        if waiting:
            ends.append(max(self.unordered_at, now + 0.01))
        if places > 0:
            ends += [self._begin_at[name] for name in waiting if name in self._begin_at]
        return max(0.0, min(ends) - now)

    def _spawn(self, name: str) -> None:
        # A daemon: at the deadline the process must not wait for it.
        threading.Thread(target=self._thread, args=(name,), daemon=True).start()

    def _thread(self, name: str) -> None:
        here = [True]

        def let_go() -> None:
            if here:
                here.clear()
                self._inbox.put((name, None))

        outcome: Outcome | BaseException
        try:
            outcome = self.work(name, let_go)
        except Exception as error:
            outcome = Outcome(name, error=as_told(error))
        except BaseException as error:
            outcome = error
        let_go()
        self._inbox.put((name, outcome))
