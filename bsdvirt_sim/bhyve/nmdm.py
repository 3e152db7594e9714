"""The guest's end of a simulated nmdm(4) pair: a pty whose other end appears as the B side.

Unlike nmdm's, the pair ends with the process that holds it.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import termios
import time
import tty
from pathlib import Path

_QUIET = 6
"""Successive polls that find nothing left to be read."""


class Terminal:
    """What the guest's serial port is connected to."""

    def __init__(self, root: Path, console: str) -> None:
        self.fd, self._other = os.openpty()
        tty.setraw(self._other)
        os.set_blocking(self.fd, False)
        self._link = root / (console[:-1] + "B").lstrip("/")
        temporary = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        temporary.symlink_to(os.ttyname(self._other))
        temporary.replace(self._link)

    def write(self, text: str) -> None:
        """Print. What nobody reads is lost once the buffer is full, as on a serial line."""
        data = text.encode()
        deadline = time.monotonic() + 0.5
        while data and time.monotonic() < deadline:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                select.select([], [self.fd], [], 0.05)

    def read(self) -> bytes:
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""

    def close(self, patience: float = 2.0) -> None:
        """Wait until what was printed has been read, then remove the pair: closing it discards
        what is still buffered, and what was just written takes a moment to show as buffered."""
        deadline = time.monotonic() + patience
        left = array.array("i", [0])
        quiet = 0
        while quiet < _QUIET and time.monotonic() < deadline:
            fcntl.ioctl(self._other, termios.FIONREAD, left)
            quiet = 0 if left[0] else quiet + 1
            time.sleep(0.004)
        with contextlib.suppress(OSError):
            if os.readlink(self._link) == os.ttyname(self._other):
                self._link.unlink()
