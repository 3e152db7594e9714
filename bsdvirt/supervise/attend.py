"""What supervisors of both kinds have: signals, a state file, the log of events, and who
started them and waits for a word."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable

from bsdvirt.supervise.events import Events
from bsdvirt.supervise.files import POLL, Failed, Json, stamp, try_lock, write_file
from bsdvirt.supervise.policy import Restarts

WORDS_BYTES = 4096
MESSAGE = 2048
"""Characters of a message in the log of operations."""


class Supervisor:
    """A process that attends one guest, from its start to its end.

    `ready` is where the command that started it waits for a word: see tell_ready().
    """

    kind = ""
    """What its lines in the log of events begin with."""

    def __init__(self, job: Json, state_path: str, ready: int | None) -> None:
        self.job = job
        self.name: str = job["name"]
        self.state_path = state_path
        self.state: Json = {}
        self.ready = ready
        self.events = Events()
        self.restarts = Restarts()
        self.pid: int | None = None
        self.launched = 0.0
        self.stopping = False
        self.over = False

    def attend(self) -> None:
        """Act on what happens, until it is over."""
        while not self.over:
            self.events.wait()

    def leave(self) -> None:
        """It is over."""
        self.over = True
        self.events.timers.clear()

    def listen_to(self, act: Callable[[set[int]], object], *numbers: int) -> None:
        """Act on signals, of which several may have come."""
        wake, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda *_: None)

        def wakened(_: int) -> None:
            if come := set(os.read(wake, 64)) & set(numbers):
                act(come)

        self.events.want(wake, wakened)

    def lasted(self) -> float:
        """Return the seconds that the guest's process has run."""
        return time.monotonic() - self.launched

    def show(self, state: str, **more: object) -> None:
        """Write the state file."""
        self.state |= {"state": state, **more}
        try:
            write_file(self.state_path, json.dumps(self.state) + "\n")
        except OSError as error:
            # A full disk is no reason to leave the guest alone.
            self.note(f"{self.state_path}: {error.strerror}")

    def note(self, text: str) -> None:
        """Write a line into the supervisor's own log, where it has one."""

    def record(self, text: str, *, ok: bool = True) -> None:
        """Write a line into the logs of events and of operations of all guests."""
        text = " ".join(text.split())
        now, events = stamp(), self.job["events"]
        operation = {
            "time": now, "verb": self.kind, "subject": self.name, "kind": "guest", "ok": ok,
            "user": "supervisor", "message": text[:MESSAGE],
        }  # fmt: skip
        append(events, f"{now} {self.kind} {self.name} {text}")
        append(f"{os.path.dirname(events)}/operations.log", json.dumps(operation))

    def tell_ready(self, text: str) -> None:
        """Tell who started us, once: "ok", or why not."""
        if self.ready is not None and self.ready >= 0:
            with contextlib.suppress(OSError):
                os.write(self.ready, text.encode())
            os.close(self.ready)
            self.ready = -1

    @property
    def awaited(self) -> bool:
        """Whether who started us still waits for a word."""
        return self.ready is not None and self.ready >= 0


def append(path: str, line: str) -> None:
    """Append a line to a log; one that cannot be written does no harm."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        fd = os.open(path, flags, 0o640)
        os.write(fd, f"{line}\n".encode(errors="replace"))
        os.close(fd)


def take_lock(path: str, attended: Callable[[], bool], patience: float) -> int | None:
    """Return the descriptor of a supervisor's lock; None where the guest is `attended`.
    Raises Failed where it is held for that long and by no supervisor: a command that only
    checks whether it is held has it for a moment."""
    deadline = time.monotonic() + patience
    while (lock := try_lock(path)) is None:
        if attended():
            return None
        if time.monotonic() >= deadline:
            name = path.rpartition("/")[2]
            raise Failed(f"{name} is held, and no supervisor answers: try again")
        time.sleep(POLL)
    return lock


def in_background(serve: Callable[[int], None]) -> str:
    """Run `serve` in a daemon, and return the word that it sends to the descriptor that it
    gets; empty where it ends without a word."""
    readable, writable = os.pipe()
    if os.fork() == 0:
        os.close(readable)
        _be_daemon(serve, writable)
    os.close(writable)
    with open(readable, "rb") as stream:
        return stream.read(WORDS_BYTES).decode("utf-8", "replace")


def _be_daemon(serve: Callable[[int], None], ready: int) -> None:
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        serve(ready)
    except Exception as error:
        sys.excepthook(*sys.exc_info())
        with contextlib.suppress(OSError):
            os.write(ready, f"{error}".encode())
    finally:
        os._exit(0)
