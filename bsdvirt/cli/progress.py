"""Events for a terminal: one line a warning, a bar for what takes long."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from datetime import UTC, datetime

from bsdvirt.cli.output import human_size
from bsdvirt.host.fs import Fs
from bsdvirt.plan import events
from bsdvirt.plan.events import Event
from bsdvirt.plan.render import shell
from bsdvirt.store.layout import EVENT_LOG, LOG_DIRECTORY


class Terminal:
    """Prints on standard error. With `verbose` every step, as the shell that it is."""

    def __init__(self, *, verbose: bool, quiet: bool) -> None:
        self._verbose = verbose
        self._quiet = quiet
        self._bar = ""
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()
        self._is_terminal = sys.stderr.isatty()

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
            case events.Warned(message=message) if not self._quiet:
                self._line(f"{who}: {message}")
            case events.Undone(do=do, error=error) if error or self._verbose:
                self._line(f"{who}: undo: {shell(do)}" + (f": {error}" if error else ""))
            case events.StepDone() | events.Finished() | events.Failed():
                self._clear()

    def _progress(self, event: events.Progress) -> None:
        if not self._is_terminal or self._quiet:
            return
        now = time.monotonic()
        began = self._began.setdefault(event.why, now)
        share = min(1.0, event.done / event.total) if event.total else 0.0
        left = (now - began) / share * (1 - share) if share else 0.0
        count = human_size(event.done) if event.unit == "bytes" else f"{event.done} {event.unit}"
        width = max(10, shutil.get_terminal_size().columns - len(event.why) - 40)
        filled = "#" * int(width * share)
        self._bar = f"{event.why} [{filled:<{width}}] {share:4.0%} {count}, {left:.0f} s left"
        sys.stderr.write(f"\r\x1b[K{self._bar}")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._bar:
            sys.stderr.write("\r\x1b[K")
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
            case events.Warned(message=message):
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                self._write(f"{now} {event.verb} {event.subject} warning: {message}\n")

    def _write(self, line: str) -> None:
        try:
            self._fs.mkdir(LOG_DIRECTORY, 0o750)
            self._fs.append(EVENT_LOG, " ".join(line.split()) + "\n", 0o640)
        except OSError:
            # A log that cannot be written must not stop the work that it tells of.
            return
