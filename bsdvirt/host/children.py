"""Commands of the real host, as child processes."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from bsdvirt.host import tools
from bsdvirt.host.base import LineSink
from bsdvirt.host.begun import (
    CHUNK,
    END_POLL_SECONDS,
    ENVIRONMENT,
    KILL_AFTER_SECONDS,
    READ_BYTES,
    TOO_MUCH,
    Result,
)
from bsdvirt.host.interrupt import Interrupt

POLL_SECONDS = 0.1
KEPT_BYTES = 1 << 20
"""Limit of the kept output of a command that changes something: its beginning and its end."""
LINE_BYTES = 4096
"""Limit of a reported line."""
PIPE_BYTES = 1 << 20
"""More than a pipe holds: output that was written when the command ended is read, and no more."""


def run(
    interrupt: Interrupt,
    argv: Sequence[str],
    *,
    changes: bool,
    timeout: float,
    on_line: LineSink | None,
    stdin: bytes,
) -> Result:
    """Run a command to its end: see Host.run in base.py."""
    if changes:
        interrupt.check()
    else:
        timeout = min(timeout, interrupt.patience)
    try:
        with _as_input(stdin) as given:
            process = _spawn(argv, stdin=given, stdout=subprocess.PIPE)
    except OSError as error:
        return Result(tuple(argv), 127, "", f"{argv[0]}: {error.strerror}\n")
    outputs = {"stdout": process.stdout, "stderr": process.stderr}
    reader = _Reader(outputs, on_line, KEPT_BYTES if changes else READ_BYTES, whole=not changes)
    timed_out = _wait(interrupt, (process,), argv, timeout, reader)
    status, said = _status(process), reader.text("stderr")
    if reader.too_much:
        status = status or -signal.SIGPIPE
        said = TOO_MUCH.format(READ_BYTES >> 20)
    elif process.returncode is None:
        said += f"process {process.pid} does not end: no signal reaches it\n"
    return Result(tuple(argv), status, reader.text("stdout"), said, timed_out)


def pipe(
    interrupt: Interrupt,
    left: Sequence[str],
    right: Sequence[str],
    *,
    timeout: float,
    on_line: LineSink | None,
    limit: int,
) -> Result:
    """Run `left | right`: see Host.pipe in base.py."""
    interrupt.check()
    stages = [stage for stage in (left, tools.pump(limit) if limit else (), right) if stage]
    words = (*left, "|", *right) if left else tuple(right)
    started: list[subprocess.Popen[bytes]] = []
    try:
        for stage in stages:
            source = started[-1].stdout if started else None if left else sys.stdin.buffer
            last = len(started) == len(stages) - 1
            out = subprocess.DEVNULL if last else subprocess.PIPE
            started.append(_spawn(stage, stdin=source, stdout=out))
            if len(started) > 1:
                # The reader alone has it: the writer ends when the reader does.
                _close_output(started[-2])
        # All at once: none may wait for us to read what it says.
        outputs = {str(number): process.stderr for number, process in enumerate(started)}
        reader = _Reader(outputs, on_line, KEPT_BYTES, whole=False)
        timed_out = _wait(interrupt, tuple(started), stages[0], timeout, reader)
    except OSError as error:
        return Result(words, 127, "", f"{error.filename}: {error.strerror}\n")
    finally:
        # Where one is missing, or we were asked to end: neither is left behind.
        for process in started:
            if process.poll() is None:
                _end(process)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
    backwards = list(reversed(range(len(started))))
    status = next((s for n in backwards if (s := _status(started[n]))), 0)
    return Result(words, status, "", "".join(reader.text(str(n)) for n in backwards), timed_out)


def _wait(
    interrupt: Interrupt,
    processes: Sequence[subprocess.Popen[bytes]],
    argv: Sequence[str],
    timeout: float,
    reader: _Reader,
) -> bool:
    """Wait until all processes have ended or were killed; return whether a timeout expired."""
    deadline = time.monotonic() + timeout
    timed_out = False
    while not reader.ended():
        reader.read(POLL_SECONDS)
        if not _running(processes):
            # A daemon that the command left behind may hold the pipes open for ever.
            reader.drain()
            break
        if reader.too_much:
            break
        if time.monotonic() > deadline or interrupt.hastens(argv):
            timed_out = True
            break
        if interrupt.pending:
            break
    if reader.ended() and not timed_out:
        for process in _running(processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        timed_out = bool(_running(processes))
    for process in _running(processes):
        _end(process)
    reader.drain()
    reader.close()
    if not timed_out:
        interrupt.check()
    return timed_out


def _running(
    processes: Sequence[subprocess.Popen[bytes]],
) -> list[subprocess.Popen[bytes]]:
    return [process for process in processes if process.poll() is None]


_LINE_END = re.compile(rb"[\r\n]")
"""Progress that overwrites its line ends with a carriage return."""


class _Kept:
    """The kept part of one output: all of it up to `limit` bytes; of more, the first and the last
    half."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0
        self.size = 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        room = self._half - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        # Cut seldom: each cut moves what stays.
        if len(self._tail) > 2 * self._half:
            self._left_out += len(self._tail) - self._half
            del self._tail[: -self._half]

    def text(self) -> str:
        if not self._left_out:
            return (self._head + self._tail).decode("utf-8", "replace")
        marker = f"\n[{self._left_out} bytes left out]\n"
        return marker.join(part.decode("utf-8", "replace") for part in (self._head, self._tail))


class _Reader:
    """The outputs of processes, passed on line by line. `limit` is in bytes for each; with `whole`,
    a longer output is an error."""

    def __init__(
        self,
        streams: Mapping[str, IO[bytes] | None],
        on_line: LineSink | None,
        limit: int,
        *,
        whole: bool,
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._kept = {name: _Kept(limit) for name in streams}
        self._line = {name: bytearray() for name in streams}
        self._most = limit if whole else 0
        self._open: set[str] = set()
        self._on_line = on_line
        for name, stream in streams.items():
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ, name)
                self._open.add(name)

    def ended(self) -> bool:
        return not self._open

    def read(self, timeout: float) -> bool:
        """Read what arrives within `timeout` seconds; return whether there was anything."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            chunk = os.read(key.fd, CHUNK)
            if chunk:
                self._kept[key.data].add(chunk)
                self._tell(key.data, chunk)
            else:
                self._selector.unregister(key.fileobj)
                self._open.discard(key.data)
        return bool(ready)

    @property
    def too_much(self) -> bool:
        return bool(self._most) and any(kept.size > self._most for kept in self._kept.values())

    def drain(self) -> None:
        """Read what is in the pipes, but not what a background process continues to write."""
        end = sum(kept.size for kept in self._kept.values()) + PIPE_BYTES
        while self._open and not self.too_much and self.read(0):
            if sum(kept.size for kept in self._kept.values()) >= end:
                break

    def _tell(self, name: str, chunk: bytes) -> None:
        if self._on_line is None:
            return
        *ended, rest = _LINE_END.split(chunk)
        for piece in ended:
            line = self._line[name] + piece
            self._line[name].clear()
            self._on_line(line[:LINE_BYTES].decode("utf-8", "replace"))
        self._line[name] += rest[: LINE_BYTES - len(self._line[name])]

    def text(self, name: str) -> str:
        return self._kept[name].text()

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            with contextlib.suppress(OSError, AttributeError):
                key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


def _spawn(
    argv: Sequence[str], *, stdin: IO[bytes] | None = None, stdout: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(argv),
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=dict(ENVIRONMENT),
        cwd="/",
        start_new_session=True,
    )


@contextlib.contextmanager
def _as_input(data: bytes) -> Iterator[IO[bytes] | None]:
    """Yield a file with the data, to be read from its beginning; None without data."""
    if not data:
        yield None
        return
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def _close_output(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate a command and its session, first by SIGTERM. A process in an uninterruptible wait
    is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _signal(process, number):
            break
        deadline = time.monotonic() + KILL_AFTER_SECONDS
        while time.monotonic() < deadline and _signal(process, 0):
            process.poll()
            time.sleep(END_POLL_SECONDS)
    process.poll()


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Signal the command and its children; return whether one of them exists."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # There is one, and it is another user's.
        return True
    return True


def _status(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status; if no signal ended it, that of the signal."""
    return -signal.SIGKILL if process.returncode is None else process.returncode


def detach(words: Sequence[str]) -> None:
    """Start `bsdvirt words…` in a new session, with no inherited descriptors."""
    env = {name: value for name, value in os.environ.items() if name != "BSDVIRT_FAULT"}
    subprocess.Popen(
        (sys.executable, "-m", "bsdvirt", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        close_fds=True,
        env=env,
    )
