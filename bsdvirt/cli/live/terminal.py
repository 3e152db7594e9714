"""A terminal that is drawn on again and again, and whose keys are read one by one."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from types import FrameType
from typing import Self

from bsdvirt.cli.streams import raw_write
from bsdvirt.errors import EXIT_FAILED

ENTER = "\x1b[?1049h\x1b[?25l"
"""The alternate screen, without a cursor."""
LEAVE = "\x1b[?25h\x1b[?1049l"
HOME, TO_LINE_END, TO_SCREEN_END = "\x1b[H", "\x1b[K", "\x1b[J"
BOLD, PLAIN = "\x1b[7m", "\x1b[0m"
ENDS = (signal.SIGTERM, signal.SIGHUP)
MOST_READ = 64


class Terminal:
    """Standard output and input, as long as it is used in a `with`; restored whatever happens."""

    def __init__(self) -> None:
        self._before: list[object] | None = None
        self._open = True

    def __enter__(self) -> Self:
        for number in ENDS:
            signal.signal(number, _end)
        signal.signal(signal.SIGTSTP, self._suspend)
        self._set()
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    @staticmethod
    def size() -> tuple[int, int]:
        """Return the columns and lines that there are now."""
        return os.get_terminal_size(sys.stdout.fileno())

    def draw(self, lines: list[str], heading: int) -> None:
        """Show the lines, as far as there is room; that number `heading` in reverse video."""
        width, height = self.size()
        drawn = [line[:width].ljust(width if number == heading else 0)
                 for number, line in enumerate(lines[:height])]  # fmt: skip
        drawn = [
            f"{BOLD}{line}{PLAIN}" if number == heading else f"{line}{TO_LINE_END}"
            for number, line in enumerate(drawn)
        ]
        raw_write(sys.stdout, HOME + "\r\n".join(drawn) + TO_SCREEN_END)
        sys.stdout.flush()

    def keys(self, seconds: float) -> str:
        """Return the keys that are pressed within a time; it ends with the first."""
        until = time.monotonic() + seconds
        while self._open and self._before is not None:
            ready, _, _ = select.select([0], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return ""
            read = os.read(0, MOST_READ)
            if read:
                return read.decode("ascii", "ignore")
            self._open = False
        time.sleep(max(0.0, until - time.monotonic()))
        return ""

    def _set(self) -> None:
        if os.isatty(0):
            self._before = termios.tcgetattr(0)
            tty.setcbreak(0)
        raw_write(sys.stdout, ENTER)
        sys.stdout.flush()

    def _restore(self) -> None:
        if self._before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]
        raw_write(sys.stdout, LEAVE)
        sys.stdout.flush()

    def _suspend(self, *_: object) -> None:
        """Give the terminal back to the shell, until it continues this process."""
        self._restore()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._set()


def _end(number: int, frame: FrameType | None) -> None:
    """End as by an error: what was set is restored on the way."""
    raise SystemExit(EXIT_FAILED)
