"""The real host: commands as child processes, files as they are."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, NoReturn

from bsdvirt.errors import HostError
from bsdvirt.host import tools
from bsdvirt.host.base import DEFAULT_TIMEOUT, LineSink, Result
from bsdvirt.host.fs import Fs
from bsdvirt.host.interrupt import Interrupt

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
    "LC_ALL": "C",
    "HOME": "/root",
    "TERM": "dumb",
}
BOOT_FILE = "/var/run/bsdvirt/boot"
POLL_SECONDS = 0.1
KILL_AFTER_SECONDS = 5.0


class RealHost:
    """This machine."""

    simulated = False

    def __init__(self, interrupt: Interrupt | None = None) -> None:
        self.fs = Fs("/")
        self.interrupt = interrupt or Interrupt()

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
    ) -> Result:
        if changes:
            self.interrupt.check()
        else:
            timeout = min(timeout, self.interrupt.patience)
        try:
            process = _spawn(argv, stdout=subprocess.PIPE)
        except OSError as error:
            return Result(tuple(argv), 127, "", f"{argv[0]}: {error.strerror}\n")
        reader = _Reader({"stdout": process.stdout, "stderr": process.stderr}, on_line)
        timed_out = self._wait((process,), argv, timeout, reader)
        return Result(
            tuple(argv), process.returncode, reader.text("stdout"), reader.text("stderr"), timed_out
        )

    def pipe(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
    ) -> Result:
        self.interrupt.check()
        words = (*left, "|", *right)
        started: list[subprocess.Popen[bytes]] = []
        try:
            sender = _spawn(left, stdout=subprocess.PIPE)
            started.append(sender)
            receiver = _spawn(right, stdin=sender.stdout, stdout=subprocess.DEVNULL)
            started.append(receiver)
            assert sender.stdout is not None
            sender.stdout.close()
            sender.stdout = None
            # Both at once: neither may wait for us to read what it says.
            reader = _Reader({"left": sender.stderr, "right": receiver.stderr}, on_line)
            timed_out = self._wait((sender, receiver), left, timeout, reader)
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
        status = receiver.returncode or sender.returncode
        return Result(words, status, "", reader.text("right") + reader.text("left"), timed_out)

    def attach(self, argv: Sequence[str]) -> int:
        with _signals_left_to_the_child():
            try:
                status = subprocess.run(list(argv), check=False).returncode  # noqa: S603
            except OSError:
                return 127
        return status if status >= 0 else 128 - status

    def replace(self, argv: Sequence[str]) -> NoReturn:
        try:
            os.execve(argv[0], list(argv), dict(ENVIRONMENT))
        except OSError as error:
            raise HostError(f"{argv[0]}: {error.strerror}") from error

    def boot_id(self) -> str:
        """kern.boottime as this boot's first command of ours saw it: the sysctl's own
        value moves with every correction of the clock."""
        known = self.fs.read_or(BOOT_FILE).strip()
        if known:
            return known
        seen = self.run((tools.SYSCTL, "-n", "kern.boottime"), changes=False).stdout.strip()
        self.fs.mkdir(os.path.dirname(BOOT_FILE), 0o700)
        self.fs.write(BOOT_FILE, seen + "\n", 0o600)
        return seen

    def _wait(
        self,
        processes: Sequence[subprocess.Popen[bytes]],
        argv: Sequence[str],
        timeout: float,
        reader: _Reader,
    ) -> bool:
        """Wait until all of them have ended, or have been ended; whether for taking too long."""
        deadline = time.monotonic() + timeout
        timed_out = False
        while not reader.ended():
            reader.read(POLL_SECONDS)
            if not _running(processes):
                # A daemon that the command left behind may hold the pipes open for ever.
                reader.drain()
                break
            if time.monotonic() > deadline or self.interrupt.hastens(argv):
                timed_out = True
                break
            if self.interrupt.pending:
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
            self.interrupt.check()
        return timed_out


def _running(
    processes: Sequence[subprocess.Popen[bytes]],
) -> list[subprocess.Popen[bytes]]:
    return [process for process in processes if process.poll() is None]


_LINE_END = re.compile(rb"[\r\n]")
"""What draws over its own line ends it with a carriage return."""


class _Reader:
    """The outputs of processes as they come, told line by line."""

    def __init__(self, streams: Mapping[str, IO[bytes] | None], on_line: LineSink | None) -> None:
        self._selector = selectors.DefaultSelector()
        self._data = {name: bytearray() for name in streams}
        self._told = dict.fromkeys(streams, 0)
        self._open: set[str] = set()
        self._on_line = on_line
        for name, stream in streams.items():
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ, name)
                self._open.add(name)

    def ended(self) -> bool:
        return not self._open

    def read(self, timeout: float) -> bool:
        """Take what has come within `timeout` seconds; whether anything had."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            chunk = os.read(key.fd, 65536)
            if chunk:
                self._data[key.data] += chunk
            else:
                self._selector.unregister(key.fileobj)
                self._open.discard(key.data)
        self._tell()
        return bool(ready)

    def drain(self) -> None:
        while self._open and self.read(0):
            pass

    def _tell(self) -> None:
        if self._on_line is None:
            return
        for name, data in self._data.items():
            while end := _LINE_END.search(data, self._told[name]):
                line = data[self._told[name] : end.start()].decode("utf-8", "replace")
                self._told[name] = end.end()
                self._on_line(line)

    def text(self, name: str) -> str:
        return self._data[name].decode("utf-8", "replace")

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


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and the children of its session, first politely."""
    for number, patience in ((signal.SIGTERM, KILL_AFTER_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


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
