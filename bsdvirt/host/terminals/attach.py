"""Run a command with the caller's standard input, output and error."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence


def attach(argv: Sequence[str]) -> int:
    """Run a command that enters a guest, on no terminal on which it could type for the caller.
    Return its status as a shell gives it."""
    if not any(os.isatty(fd) for fd in (0, 1, 2)):
        return attach_own(argv)
    # Imported here: scripts have no terminal.
    from bsdvirt.host.terminals.apart import attach_apart

    return _status_of(argv, attach_apart)


def attach_own(argv: Sequence[str]) -> int:
    """Run a command of ours: it stays in the caller's session."""
    with _signals_left_to_the_child():
        return _status_of(argv, lambda words: subprocess.run(list(words), check=False).returncode)


def _status_of(argv: Sequence[str], run: Callable[[Sequence[str]], int]) -> int:
    try:
        status = run(argv)
    except OSError:
        return 127
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _signals_left_to_the_child() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
