"""The supervisor's end of a guest's console."""

from __future__ import annotations

import contextlib
import errno
import os
import termios

from bsdvirt.supervise.files import ROOT, Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bsdvirt.supervise.process import Events

TYPED_BYTES = 64 * 1024
"""The most that is kept of what viewers type and the guest has not read."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds before another try to open it."""


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

    `seen` gets what the guest prints; `later` has try_again() called after so many seconds.
    """

    def __init__(
        self,
        path: str,
        events: Events,
        seen: Callable[[bytes], None],
        later: Callable[[float], None],
    ) -> None:
        self.path = path
        self.events = events
        self.seen = seen
        self.later = later
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
                raise Failed(f"the console {self.path} cannot be opened: {error.args[1]}") from None

    def open_later(self) -> None:
        """Open it soon, unless it is open, while bhyve runs."""
        if self.fd is None:
            self.pause = FIRST_PAUSE
            self.later(self.pause)

    def try_again(self) -> None:
        """Open it, unless it is open; else later."""
        if self.fd is not None:
            return
        try:
            self._open()
        except (OSError, termios.error):
            self.pause = min(LONGEST_PAUSE, (self.pause or FIRST_PAUSE / 2) * 2)
            self.later(self.pause)

    def _open(self) -> None:
        fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            make_raw(fd)
        except termios.error:
            os.close(fd)
            raise
        self.fd = fd
        self.events.want(fd, True)

    def close(self) -> None:
        """Close it."""
        if self.fd is None:
            return
        self.events.forget(self.fd)
        with contextlib.suppress(termios.error):
            # Else close(2) waits for a guest that does not read.
            termios.tcflush(self.fd, termios.TCIOFLUSH)
        os.close(self.fd)
        self.fd = None

    def read(self) -> bool:
        """Take what the guest prints; False where the terminal is gone."""
        if self.fd is None:
            return True
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        self.seen(data)
        return True

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
        self.events.want(self.fd, True, bool(self.typed))
