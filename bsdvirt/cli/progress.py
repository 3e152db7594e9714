"""Events on standard error, and in the logs of events and of operations."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Sequence

import msgspec

from bsdvirt.host.fs import Fs
from bsdvirt.host.sanitize import bounded, shown, tail
from bsdvirt.layout import EVENT_LOG, LOG_DIRECTORY, OPERATION_LOG
from bsdvirt.plan import events
from bsdvirt.plan.events import Event
from bsdvirt.plan.render import shell
from bsdvirt.rows.base import utc
from bsdvirt.rows.events import NotUndone, Operation

MOST_MESSAGE = 2048
MOST_WORD = 256
MOST_ITEMS = 40
SECRET = "password="
FREE_TEXT = ("env.", "env=", "meta.", "meta=")


class Terminal:
    """Prints events: one line each, and progress bars on a terminal. `verbose` also prints each
    step, as shell."""

    def __init__(self, *, verbose: bool, quiet: bool) -> None:
        self._verbose = verbose
        self._quiet = quiet
        self._lock = threading.Lock()
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._bars = None
        if is_terminal and not quiet:
            from bsdvirt.cli.bars import Bars

            self._bars = Bars()

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


def now() -> str:
    """Return the time as the logs have it."""
    return utc()


def append(fs: Fs, path: str, line: str) -> None:
    """Append a line to a log. One that cannot be written does not stop the work."""
    try:
        fs.mkdir(LOG_DIRECTORY, 0o750)
        fs.append_line(path, line, 0o640)
    except OSError:
        return


class EventLog:
    """Appends to events.log: one line for each operation, with its time and result."""

    def __init__(self, fs: Fs) -> None:
        self._fs = fs
        self._why: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case events.Failed(message=message):
                self._why[event.op] = message
            case events.Finished(seconds=seconds, ok=ok):
                end = "ok" if ok else f"failed: {self._why.pop(event.op, 'see above')}"
                self._write(f"{now()} {event.verb} {event.subject} {seconds:.1f}s {end}\n")
            case events.Logged(seconds=seconds, message=message):
                self._write(f"{now()} {event.verb} {event.subject} {seconds:.1f}s {message}\n")
            case events.Warned(message=message):
                self._write(f"{now()} {event.verb} {event.subject} warning: {message}\n")

    def _write(self, line: str) -> None:
        append(self._fs, EVENT_LOG, shown(" ".join(line.split())))


class OperationLog:
    """Appends to operations.log: an operation as JSON on one line, with who began it, and what
    failed. Safe for several threads."""

    def __init__(self, fs: Fs, verb: str, line: Sequence[str]) -> None:
        self._fs = fs
        self._verb = verb
        """For what was refused before it was an operation."""
        self._kinds: dict[str, str] = {}
        self._failed: dict[str, events.Failed] = {}
        self._undone: dict[str, list[events.Undone]] = {}
        self._who = who()
        self._command = command_line(line)
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            row = self._take(event)
        if row is not None:
            append(self._fs, OPERATION_LOG, msgspec.json.encode(row).decode())

    def _take(self, event: Event) -> Operation | None:
        match event:
            case events.Started(kind=kind):
                self._kinds[event.op] = kind
            case events.Failed():
                self._failed[event.op] = event
            case events.Undone():
                self._undone.setdefault(event.op, []).append(event)
            case events.Finished(seconds=seconds, ok=ok):
                return self._operation(event, self._kinds.pop(event.op, ""), seconds, ok)
            case events.Recovered(kind=kind, seconds=seconds, error=error):
                text = error or "it was cut short, and is recovered"
                about = (event.op, event.verb, event.subject)
                self._failed[event.op] = events.Failed(*about, text, event.hint)
                return self._operation(event, kind, seconds, not error)
            case events.Refused(message=message, hint=hint):
                self._failed[""] = events.Failed("", "", event.subject, message, hint)
                return self._operation(event, "", 0.0, False)
        return None

    def _operation(self, event: Event, kind: str, seconds: float, ok: bool) -> Operation:
        failed = self._failed.pop(event.op, None)
        undone = self._undone.pop(event.op, [])[:MOST_ITEMS]
        user, uid = self._who
        return Operation(
            time=now(),
            op=event.op,
            verb=event.verb or self._verb,
            subject=bounded(event.subject, MOST_WORD),
            kind=kind,
            ok=ok,
            seconds=round(seconds, 3),
            user=user,
            uid=uid,
            command=self._command,
            message=bounded(failed.message, MOST_MESSAGE) if failed else "",
            hint=bounded(failed.hint, MOST_MESSAGE) if failed else "",
            argv=[bounded(word, MOST_WORD) for word in failed.argv[:MOST_ITEMS]] if failed else [],
            status=failed.status if failed else None,
            stderr=tail(failed.stderr, MOST_MESSAGE) if failed else "",
            undone=[bounded(shell(one.do), MOST_WORD) for one in undone if not one.error],
            left=[
                NotUndone(
                    shell=bounded(shell(one.do), MOST_WORD), error=bounded(one.error, MOST_WORD)
                )
                for one in undone
                if one.error
            ],
        )


def command_line(words: Sequence[str]) -> list[str]:
    """Return the words of a command line for the log: bounded, without a password's hash, and
    without what a jail is given as `env` or `meta`."""
    kept = []
    for word in words[:MOST_ITEMS]:
        name, found, _ = word.partition(SECRET)
        if not found and word.removeprefix("params.").startswith(FREE_TEXT):
            name, found, _ = word.partition("=")
        kept.append(f"{bounded(name, MOST_WORD)}{found}…" if found else bounded(word, MOST_WORD))
    return kept


def who() -> tuple[str, int | None]:
    """Return the login name and the user ID of who runs this command. sudo(8) and doas(1) say for
    whom they run it; rc(8) runs it for nobody."""
    import pwd

    name = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER") or ""
    if not name:
        if "RC_PID" in os.environ and not os.isatty(0):
            return "boot", os.getuid()
        try:
            name = os.getlogin()
        except OSError:
            name = ""
    try:
        found = pwd.getpwnam(name) if name else pwd.getpwuid(os.getuid())
    except KeyError:
        return bounded(name, MOST_WORD), None if name else os.getuid()
    return found.pw_name, found.pw_uid
