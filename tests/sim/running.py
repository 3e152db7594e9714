"""A bsdvirt of its own process, as a program runs one: with --events json, answers by a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bsdvirt.rows import events as rows

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


class Running:
    """A command under way, and the events that it has sent."""

    def __init__(self, sim: Path, *words: str, sleeps: float = 0.0) -> None:
        argv = (sys.executable, "-m", "bsdvirt", "--sim", str(sim), "--events", "json", *words)
        self.process = subprocess.Popen(
            argv, cwd=REPOSITORY, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.events: list[rows.Report] = []
        self._decoder = rows.decoder()

    def next(self) -> rows.Report | None:
        """Return the next event; None at the end. Every line is an event."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        if not line:
            return None
        event = self._decoder.decode(line)
        self.events.append(event)
        return event

    def until(self, kind: type[rows.Report]) -> rows.Report:
        """Read on until such an event comes."""
        while (event := self.next()) is not None:
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} in {self.events}")

    def answer(self, line: str) -> None:
        """Send a line; none ends standard input."""
        assert self.process.stdin is not None
        if line:
            self.process.stdin.write(line)
        self.process.stdin.close()

    def end(self) -> tuple[int, str]:
        """Read all that comes, and return the exit status and the standard output."""
        while self.next() is not None:
            pass
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        return self.process.wait(PATIENCE), out

    def of(self, kind: type[rows.Report]) -> list[rows.Report]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def planned(self) -> list[str]:
        """Return the actions of the plans, as shell."""
        plans = [event for event in self.events if isinstance(event, rows.Planned)]
        return [step.shell for plan in plans for step in (*plan.steps, *plan.finish)]

    @property
    def done(self) -> list[str]:
        """Return the actions that were begun, as shell."""
        return [event.action.shell for event in self.events if isinstance(event, rows.StepStarted)]


@contextmanager
def running(sim: Path, *words: str) -> Iterator[Running]:
    """Run a command with --events json; it is ended with the block."""
    command = Running(sim, *words)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            os.killpg(command.process.pid, signal.SIGKILL)
        command.process.wait(PATIENCE)
        for stream in (command.process.stdin, command.process.stdout, command.process.stderr):
            if stream is not None:
                stream.close()


def wait_for(what: str, holds: object) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
