"""Signals that end the UI, with the terminal as it was before."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALLED = 128
"""Added to the number of a signal in an exit status, as sh(1) does."""


def end_by_signals(end: Callable[[int], None]) -> None:
    """Call `end` with the exit status when a signal asks this process to end; for the thread of the
    running event loop. Tasks are processes of their own, and go on."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, end, SIGNALLED + number)


class _Surviving:
    """A terminal's stream: what is written to one that is gone is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def survive_terminal() -> None:
    """Have Textual, which draws on standard error, drop what it draws on a terminal that is gone:
    else its thread ends, and the UI waits for it forever instead of ending at SIGHUP."""
    if sys.__stderr__ is not None:
        sys.__stderr__ = cast(TextIO, _Surviving(sys.__stderr__))  # type: ignore[misc, assignment]
