"""The supervisor's end of a guest's console."""

from __future__ import annotations

import contextlib
import errno
import os
import termios
from collections.abc import Callable

from bsdvirt.supervise.events import READ, WRITE, Events
from bsdvirt.supervise.files import ROOT, Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TYPED_BYTES = 64 * 1024
"""The most that is kept of what viewers type and the guest has not read."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds before another try to open it."""
TIMER = "console"


def make_raw(fd: int) -> list[Any]:
    """Set a terminal as cfmakeraw(3) does; its settings before. CLOCAL: the guest's end is
    closed and opened again at each reset, which must not hang up ours."""
    before = termios.tcgetattr(fd)
    mode = list(before)
    mode[0] = termios.IGNBRK
    mode[1] &= ~termios.OPOST
    mode[2] &= ~(termios.CSIZE | termios.PARENB | termios.HUPCL)
    mode[2] |= termios.CS8 | termios.CREAD | termios.CLOCAL
    mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    mode[6] = list(mode[6])
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, mode)
    return before


class Console:
    """One end of a pair of nmdm(4) terminals, which are there while one of them is open.
    `seen` gets what the guest prints."""

    def __init__(self, path: str, events: Events, seen: Callable[[bytes], None]) -> None:
        self.path = path
        self.events = events
        self.seen = seen
        self.fd: int | None = None
        self.typed = bytearray()
        self.pause = 0.0

    def open_first(self) -> None:
        """Open it before bhyve runs. Raises Failed where that cannot be. On the simulated
        host it appears with bhyve."""
        if self.fd is not None:
            return
        if os.path.islink(self.path):
            os.unlink(self.path)
        try:
            self._open()
        except (OSError, termios.error) as error:
            if not (ROOT and error.args[0] == errno.ENOENT):
                why = error.args[1]
                raise Failed(f"the console {self.path} cannot be opened: {why}") from None

    def open_soon(self, pause: float = FIRST_PAUSE) -> None:
        """Open it after a moment, unless it is open; again and again, later and later."""
        self.pause = min(LONGEST_PAUSE, pause)
        self.events.after(TIMER, self.pause, self.try_open)

    def try_open(self) -> None:
        """Open it now, unless it is open; else soon."""
        try:
            if self.fd is None:
                self._open()
        except (OSError, termios.error):
            self.open_soon(self.pause * 2 or FIRST_PAUSE)

    def _open(self) -> None:
        fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            make_raw(fd)
        except termios.error:
            os.close(fd)
            raise
        self.fd = fd
        self.events.want(fd, self._ready)

    def close(self) -> None:
        if self.fd is None:
            return
        self.events.forget(self.fd)
        with contextlib.suppress(termios.error):
            # Else close(2) waits for a guest that does not read.
            termios.tcflush(self.fd, termios.TCIOFLUSH)
        os.close(self.fd)
        self.fd = None

    def end_run(self) -> None:
        """Take the last of what a run has printed; what was typed for it is lost."""
        self.typed.clear()
        self.read()
        self.events.cancel(TIMER)

    def _ready(self, bits: int) -> None:
        if bits & ~WRITE:
            self.read()
        if bits & WRITE:
            self.write()

    def read(self) -> None:
        """Take what the guest prints."""
        if self.fd is None:
            return
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.seen(data)
        else:
            self.close()
            self.open_soon()

    def type(self, data: bytes) -> None:
        """Give the guest what a viewer types."""
        if self.fd is not None:
            self.typed += data[: TYPED_BYTES - len(self.typed)]
            self.write()

    def write(self) -> None:
        """Give the guest what it takes now; the rest follows when it reads."""
        if self.fd is None:
            return
        try:
            while self.typed:
                del self.typed[: os.write(self.fd, self.typed)]
        except BlockingIOError:
            pass
        except OSError:
            self.typed.clear()
        self.events.want(self.fd, self._ready, READ | WRITE if self.typed else READ)
