"""Signals that end the UI, with the terminal as it was before."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALLED = 128
"""Added to the number of a signal in an exit status, as sh(1) does."""


def end_by_signals(end: Callable[[int], None]) -> None:
    """Call `end` with the exit status when a signal asks this process to end; for the thread of the
    running event loop. Tasks are processes of their own, and go on."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, end, SIGNALLED + number)
