"""Events on standard error, and in the log of events."""

from __future__ import annotations

import contextlib
import sys
import threading
from datetime import UTC, datetime

from bsdvirt.cli.bars import Bars
from bsdvirt.host.fs import Fs
from bsdvirt.host.sanitize import shown
from bsdvirt.layout import EVENT_LOG, LOG_DIRECTORY
from bsdvirt.plan import events
from bsdvirt.plan.events import Event
from bsdvirt.plan.render import shell


class Terminal:
    """Prints events: one line each, and progress bars on a terminal. `verbose` also prints each
    step, as shell."""

    def __init__(self, *, verbose: bool, quiet: bool) -> None:
        self._verbose = verbose
        self._quiet = quiet
        self._lock = threading.Lock()
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._bars = Bars() if is_terminal and not quiet else None

    def __call__(self, event: Event) -> None:
        # A terminal that has gone away does not stop the work.
        with self._lock, contextlib.suppress(OSError):
            self._take(event)

    def _take(self, event: Event) -> None:
        who = event.subject
        match event:
            case events.Progress() if self._bars is not None:
                self._bars.show(event)
            case events.StepStarted(do=do) if self._verbose:
                self._line(f"{who}: {shell(do)}")
            case events.Told(message=message) if not self._quiet:
                self._line(f"{who}: {message}")
            case events.Warned(message=message) if not self._quiet:
                self._line(f"{who}: {message}")
            case events.Undone(do=do, error=error) if error or self._verbose:
                self._line(f"{who}: undo: {shell(do)}" + (f": {error}" if error else ""))
            case events.StepDone() | events.ProgressEnded() | events.Finished() | events.Failed():
                if self._bars is not None:
                    self._bars.end(who)

    def _line(self, text: str) -> None:
        if self._bars is not None:
            self._bars.hide()
        print(text, file=sys.stderr)


class Log:
    """Appends to /var/log/bsdvirt/events.log: one line per operation, with its time and result."""

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
            # A log that cannot be written does not stop the work.
            return
