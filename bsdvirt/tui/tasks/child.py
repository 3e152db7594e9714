"""The process of a task: its events are read as they come, its output is bounded.

It has a session of its own, and pipes that nobody else has: when the UI ends, however it does, the
process loses its reader, and goes on to its end as a command line does whose terminal is gone; if
it still waits for an answer, it changes nothing. asyncio's own subprocesses are not used: they are
killed with their event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence

import msgspec

from bsdvirt.host.sanitize import bounded
from bsdvirt.rows import events as rows

MOST_LINE = 4 << 20
"""Bytes of one event; a longer line is dropped."""
MOST_OUTPUT = 1 << 20
"""Bytes of standard output that are kept."""
CHUNK = 1 << 16
PAUSE = 0.02
NOT_RUN = 127


class Child:
    """A command under way."""

    def __init__(
        self, argv: Sequence[str], take: Callable[[rows.Report], None], lines: Sequence[str] = ()
    ) -> None:
        self._argv = list(argv)
        self._lines = lines
        self._take = take
        self._process: subprocess.Popen[bytes] | None = None
        self._decoder = rows.decoder()
        self._output = bytearray()

    async def run(self) -> tuple[int, str]:
        """Run the command; return its exit status and what it printed on standard output."""
        try:
            process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            message = f"{self._argv[0]}: {error.strerror}"
            self._take(rows.Error(message=message, hint="", exit_code=NOT_RUN))
            return NOT_RUN, ""
        self._process = process
        for line in self._lines:
            self.send(line)
        assert process.stdout is not None and process.stderr is not None
        await asyncio.gather(
            _read(process.stdout.fileno(), self._keep), _read_lines(process.stderr, self._event)
        )
        process.stdout.close()
        process.stderr.close()
        while (status := process.poll()) is None:
            # It has closed its pipes, and ends.
            await asyncio.sleep(PAUSE)
        self._close_input()
        return status, self._output.decode(errors="replace")

    def send(self, line: str) -> None:
        """Write a line to its standard input."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(f"{line}\n".encode())

    def interrupt(self) -> None:
        """Ask it to end: what it has done is undone."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGINT)

    def _close_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _keep(self, data: bytes) -> None:
        self._output += data[: max(0, MOST_OUTPUT - len(self._output))]

    def _event(self, line: bytes) -> None:
        try:
            event = self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # Not of bsdvirt: of ssh(1), or of an older version there.
            text = line.decode(errors="replace").strip()
            if not text:
                return
            event = rows.Told(message=bounded(text))
        self._take(event)


async def _read(descriptor: int, take: Callable[[bytes], None]) -> None:
    """Read a descriptor to its end, as data comes."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    ended: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            take(data)
        elif not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, ready)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)


async def _read_lines(stream: object, take: Callable[[bytes], None]) -> None:
    begun = bytearray()
    dropping = False

    def feed(data: bytes) -> None:
        nonlocal begun, dropping
        *lines, rest = data.split(b"\n")
        for line in lines:
            if not dropping:
                take(bytes(begun) + line)
            begun, dropping = bytearray(), False
        if len(begun) + len(rest) > MOST_LINE:
            begun, dropping = bytearray(), True
        elif not dropping:
            begun += rest

    await _read(stream.fileno(), feed)  # type: ignore[attr-defined]
    if begun and not dropping:
        take(bytes(begun))
