"""Stepping aside: the UI leaves the terminal to a command, and comes back when that has ended.

The command runs beside the event loop: hosts are read and tasks go on while a console is open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from textual.app import App

from bsdvirt.tui.ends import end_by_signals

NOT_RUN = 127
"""Exit status of a command that cannot be run, as in sh(1)."""
SOON = 3.0
"""Seconds: a command that fails this soon has printed why, and that is to be read."""
OF_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""The signals that a terminal sends at a key, and that a command expects to be its own."""
RESET = (
    "\x1b7\x1b[r\x1b8"  # scrolling region, with the cursor where it is
    "\x0f\x1b(B\x1b[0m\x1b[4l\x1b[?7h"  # character sets, colours, insert mode, wrapping
    "\x1b[?1l\x1b>"  # keypad
    "\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l"  # mouse, pasting
    "\x1b[?25h\r\n"
)
"""Undoes what a guest's console, or a program that was killed, has left a terminal in."""


class Runner(Protocol):
    """What runs commands on the terminal."""

    async def __call__(self, argv: Sequence[str], *, lead: str, waits: bool) -> int:
        """Step aside, print `lead`, run a command, come back; return its exit status. `waits`:
        wait for the enter key before that."""


class StepAside:
    """Runs commands on the terminal of an application, one at a time."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._one = asyncio.Lock()

    async def __call__(self, argv: Sequence[str], *, lead: str, waits: bool) -> int:
        # Nothing may be raised in suspend(): it would not resume. And nothing may be drawn: the
        # driver's queue is not emptied then, and blocks when it is full.
        failed: Exception | None = None
        status = NOT_RUN
        async with self._one:
            with self._app.batch_update(), self._app.suspend():
                try:
                    status = await _run(argv, lead, waits)
                except Exception as error:
                    failed = error
            end_by_signals(self._app.exit)
        if failed is not None:
            raise failed
        return status


async def _run(argv: Sequence[str], lead: str, waits: bool) -> int:
    with _terminal_kept():
        if lead:
            _print(f"{lead}\r\n")
        begun = time.monotonic()
        try:
            child = await asyncio.create_subprocess_exec(*argv)
            status = await child.wait()
        except OSError as error:
            _print(f"{argv[0]}: {error.strerror}\r\n")
            status = NOT_RUN
    if waits or (status != 0 and time.monotonic() - begun < SOON):
        ended = f"exit status {status}; " if status else ""
        _print(f"[{ended}press enter to return]")
        await _enter()
    return status


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Give the terminal back as it was, after every end. Its signals are the command's: a handler
    that does nothing is not inherited."""
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    mine = {number: signal.signal(number, lambda *_: None) for number in OF_KEYS}
    settings = None
    with contextlib.suppress(termios.error):
        settings = termios.tcgetattr(0)
    try:
        yield
    finally:
        _take_foreground()
        if settings is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSAFLUSH, settings)
        _print(RESET)
        for number, handler in mine.items():
            signal.signal(number, handler)


def _take_foreground() -> None:
    """Become the terminal's foreground process group again: a shell that was killed has left its
    own there."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(0, os.getpgrp())
    finally:
        signal.signal(signal.SIGTTOU, before)


async def _enter() -> None:
    """Wait for a line, or the end of the input."""
    loop = asyncio.get_running_loop()
    read = loop.create_future()
    loop.add_reader(0, lambda: None if read.done() else read.set_result(None))
    try:
        await read
    finally:
        loop.remove_reader(0)
    with contextlib.suppress(OSError):
        os.read(0, 4096)


def _print(text: str) -> None:
    stream = sys.__stderr__
    if stream is not None:
        with contextlib.suppress(OSError):
            os.write(stream.fileno(), text.encode(stream.encoding or "utf-8", "replace"))
