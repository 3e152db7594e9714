"""Run a command in a guest apart from the caller's terminal.

A process can type on its controlling terminal (TIOCSTI in tty.c; in a jail too), and the shell of
whoever has called bsdvirt would run that on the host. So the command gets a session of its own:
with a terminal of its own where the caller's is both its input and its output, else with none.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

PASSED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
"""What reaches the command's session through this process."""
CHUNK = 1 << 16
MOST_TYPED = 1 << 12
"""Bytes that wait until the command reads them."""
MOST_LAST = 1 << 20
"""Bytes that are shown after its end: processes that it left may print without end."""
LEAVE_SECONDS = 5.0

Handler = Callable[[int, FrameType | None], None]


def attach_apart(argv: Sequence[str]) -> int:
    """Run a command on the caller's terminal and return its exit status, negative for a signal.
    Raises OSError if it cannot be run."""
    foreground = _in_foreground()
    if foreground and os.isatty(0) and os.isatty(1):
        return _with_terminal(argv)
    # In the background, nothing may be read from the terminal.
    stdin = subprocess.DEVNULL if os.isatty(0) and foreground is False else None
    process = subprocess.Popen(list(argv), stdin=stdin, start_new_session=True)

    def passed(number: int, _: FrameType | None) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    with _handling(dict.fromkeys(PASSED, passed)):
        return process.wait()


def _in_foreground() -> bool | None:
    """Return whether this process may read from its controlling terminal; None if standard input is
    none."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return None


def _with_terminal(argv: Sequence[str]) -> int:
    master, slave = os.openpty()
    try:
        termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(0))
        _resize(master)
        process = subprocess.Popen(
            list(argv), stdin=slave, stdout=slave, stderr=slave if os.isatty(2) else None,
            start_new_session=True, preexec_fn=_take_terminal,  # noqa: PLW1509
        )  # fmt: skip
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return _Relay(process, master).run()


def _take_terminal() -> None:
    """Make standard input the controlling terminal, in the child."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _resize(master: int) -> None:
    """Give the command's terminal the size of the caller's."""
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)


@contextlib.contextmanager
def _handling(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Relay:
    """Passes bytes between the caller's terminal and that of the command."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self._poll = select.poll()
        self._typed = bytearray()
        self._ended = False
        """A signal has asked to end."""
        self._mode = termios.tcgetattr(0)

    def run(self) -> int:
        """Return the command's status, once it has ended."""
        os.set_blocking(self._master, False)
        wake, woken = os.pipe()
        for fd in (wake, woken):
            os.set_blocking(fd, False)
        handlers: dict[signal.Signals, Handler] = {
            signal.SIGCHLD: lambda *_: None,
            signal.SIGWINCH: lambda *_: _resize(self._master),
            signal.SIGCONT: lambda *_: self._raw(),
            **dict.fromkeys(PASSED, self._end),
        }
        before = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        try:
            with _handling(handlers):
                self._raw()
                try:
                    self._pass(wake)
                finally:
                    with contextlib.suppress(termios.error):
                        termios.tcsetattr(0, termios.TCSADRAIN, self._mode)
        finally:
            signal.set_wakeup_fd(before)
            # The session's processes get SIGHUP, as when a terminal is closed.
            for fd in (self._master, wake, woken):
                os.close(fd)
        return self._status()

    def _raw(self) -> None:
        with contextlib.suppress(termios.error):
            tty.setraw(0, termios.TCSADRAIN)
        _resize(self._master)

    def _end(self, number: int, _: FrameType | None) -> None:
        self._ended = True

    def _status(self) -> int:
        try:
            return self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _pass(self, wake: int) -> None:
        """Pass bytes until the command has ended, or is to end."""
        self._poll.register(wake, select.POLLIN)
        self._poll.register(0, select.POLLIN)
        self._poll.register(self._master, select.POLLIN)
        while not self._ended:
            ready = dict(self._poll.poll())
            if wake in ready:
                os.read(wake, CHUNK)
                if self._process.poll() is not None:
                    self._last()
                    return
            if self._master in ready:
                if ready[self._master] & select.POLLOUT:
                    self._type()
                if ready[self._master] & ~select.POLLOUT and self._show() is None:
                    # All have closed it; the command may go on without.
                    self._poll.unregister(self._master)
            if 0 in ready:
                self._read()

    def _read(self) -> None:
        """Take what is typed."""
        try:
            data = os.read(0, MOST_TYPED)
        except OSError:
            data = b""
        if not data:
            self._poll.unregister(0)
            self._ended = True
            return
        self._typed += data
        self._type()

    def _type(self) -> None:
        """Give the command what it takes now; no more is read until it has taken all."""
        try:
            while self._typed:
                del self._typed[: os.write(self._master, self._typed)]
        except BlockingIOError:
            pass
        except OSError:
            self._typed.clear()
        with contextlib.suppress(KeyError, OSError):
            waits = bool(self._typed)
            self._poll.modify(self._master, select.POLLIN | (select.POLLOUT if waits else 0))
            self._poll.modify(0, 0 if waits else select.POLLIN)

    def _show(self, most: int = CHUNK) -> int | None:
        """Show what the command prints; return how much that was, and None once no process has its
        terminal open any more."""
        try:
            data = os.read(self._master, most)
        except BlockingIOError:
            return 0
        except OSError:
            return None
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(1, left) :]
        except OSError:
            # The caller's terminal is gone.
            self._ended = True
        return len(data) or None

    def _last(self) -> None:
        """Show the rest of what the command has printed."""
        left = MOST_LAST
        while left > 0 and (shown := self._show(min(left, CHUNK))):
            left -= shown
