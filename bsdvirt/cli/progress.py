"""Events on standard error."""

from __future__ import annotations

import contextlib
import sys
import threading

from bsdvirt.cli.bars import Bars
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
