"""Events for a terminal: one line a warning, a bar for what takes long."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime

from bsdvirt.cli.output import human_size
from bsdvirt.cli.streams import raw_write
from bsdvirt.host.fs import Fs
from bsdvirt.host.sanitize import shown, shown_line
from bsdvirt.layout import EVENT_LOG, LOG_DIRECTORY
from bsdvirt.plan import events
from bsdvirt.plan.events import Event
from bsdvirt.plan.render import shell

WINDOW_SECONDS = 10.0
"""The rate shown is that of so long: what was cut and goes on again soon shows it."""


class Pace:
    """How fast something goes, and how long it still takes at that."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        if self._seen and done < self._seen[-1][1]:
            # It was begun again.
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """In units a second; what was there from the beginning does not count."""
        (then, before), (now, done) = self._seen[0], self._seen[-1]
        return (done - before) / (now - then) if now > then else 0.0

    def words(self, event: events.Progress) -> str:
        """`83M of 185M, 12M/s, 8 s left`."""
        if event.unit == "bytes":
            count, rate = human_size(event.done), f"{human_size(int(self.rate))}/s"
            count += f" of {human_size(event.total)}" if event.total else ""
        else:
            count, rate = f"{event.done} {event.unit}", f"{self.rate:.0f}/s"
        if not self.rate:
            return count
        left = max(0, event.total - event.done) / self.rate
        return f"{count}, {rate}" + (f", {_span(left)} left" if event.total else "")


def _span(seconds: float) -> str:
    """`8 s`, `2 min 5 s`, `1 h 4 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Terminal:
    """Prints on standard error. With `verbose` every step, as the shell that it is."""

    def __init__(self, *, verbose: bool, quiet: bool) -> None:
        self._verbose = verbose
        self._quiet = quiet
        self._bar = ""
        self._paces: dict[str, Pace] = {}
        self._lock = threading.Lock()
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, event: Event) -> None:
        # A terminal that went away must not stop the work that it was told of.
        with self._lock, contextlib.suppress(OSError):
            self._take(event)

    def _take(self, event: Event) -> None:
        who = event.subject
        match event:
            case events.Progress():
                self._progress(event)
            case events.StepStarted(do=do) if self._verbose:
                self._line(f"{who}: {shell(do)}")
            case events.Told(message=message) if not self._quiet:
                self._line(f"{who}: {message}")
            case events.Warned(message=message) if not self._quiet:
                self._line(f"{who}: {message}")
            case events.Undone(do=do, error=error) if error or self._verbose:
                self._line(f"{who}: undo: {shell(do)}" + (f": {error}" if error else ""))
            case events.StepDone() | events.Finished() | events.Failed():
                self._clear()

    def _progress(self, event: events.Progress) -> None:
        if not self._is_terminal or self._quiet:
            return
        pace = self._paces.setdefault(event.why, Pace())
        pace.note(time.monotonic(), event.done)
        share = min(1.0, event.done / event.total) if event.total else 0.0
        tail = pace.words(event)
        head = f"{event.why} ["
        room = shutil.get_terminal_size().columns - len(head) - len(tail) - 8
        width = max(4, min(60, room))
        filled = "#" * int(width * share)
        self._bar = shown_line(f"{head}{filled:<{width}}] {share:4.0%} {tail}")
        raw_write(sys.stderr, f"\r\x1b[K{self._bar}")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._bar:
            raw_write(sys.stderr, "\r\x1b[K")
            sys.stderr.flush()
            self._bar = ""

    def _line(self, text: str) -> None:
        self._clear()
        print(text, file=sys.stderr)


class Log:
    """A line an operation in /var/log/bsdvirt/events.log: when, what, how it ended."""

    def __init__(self, fs: Fs) -> None:
        self._fs = fs
        self._why: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case events.Failed(message=message):
                self._why[event.op] = message
            case events.Finished(seconds=seconds, ok=ok):
                end = "ok" if ok else f"failed: {self._why.pop(event.op, 'see above')}"
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                self._write(f"{now} {event.verb} {event.subject} {seconds:.1f}s {end}\n")
            case events.Logged(seconds=seconds, message=message):
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                self._write(f"{now} {event.verb} {event.subject} {seconds:.1f}s {message}\n")
            case events.Warned(message=message):
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                self._write(f"{now} {event.verb} {event.subject} warning: {message}\n")

    def _write(self, line: str) -> None:
        try:
            self._fs.mkdir(LOG_DIRECTORY, 0o750)
            self._fs.append_line(EVENT_LOG, shown(" ".join(line.split())), 0o640)
        except OSError:
            # A log that cannot be written must not stop the work that it tells of.
            return
