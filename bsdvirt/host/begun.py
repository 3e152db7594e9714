"""How a command ends; and commands that only read, begun before the modules are imported that need
what they print: on a host with two CPUs, both are done at once.

What is begun here is run by the rules of Host.run in base.py: with LC_ALL=C, no standard input, in
a session of its own, with a timeout and a limit. The first run of the same words gets its result;
one that nothing asks for ends with this process. children.py runs all other commands: importing
subprocess takes as long as a listing does otherwise.
"""

from __future__ import annotations

import os
import time

from bsdvirt.errors import CommandError
from bsdvirt.record import Record

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
    "LC_ALL": "C",
    "HOME": "/root",
    "TERM": "dumb",
}
DEFAULT_TIMEOUT = 60.0
"""Default timeout of a command, in seconds."""
READ_BYTES = 64 << 20
"""Limit of each output of a command that reads: more than a host with thousands of guests needs. A
command that prints more is killed, and has failed."""
TOO_MUCH = "it printed more than {} MiB\n"
KILL_AFTER_SECONDS = 5.0
END_POLL_SECONDS = 0.01
CHUNK = 1 << 16
TERMINATED, KILLED = 15, 9
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")

_begun: dict[tuple[str, ...], Begun] = {}


def begin(*argv: str) -> None:
    """Begin a command that changes nothing."""
    if argv not in _begun:
        _begun[argv] = Begun(argv)


def taken(argv: Sequence[str]) -> Begun | None:
    """Return the command if it was begun, for one caller."""
    return _begun.pop(tuple(argv), None) if _begun else None


def become(argv: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a command. Raises OSError if it cannot be run."""
    _restore_signals()
    os.execve(argv[0], list(argv), dict(environment))


class Result(Record):
    """How a command ended. `status` is negative for a signal, as in subprocess."""

    argv: tuple[str, ...]
    status: int
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, with 0."""
        return self.status == 0 and not self.timed_out

    def check(self, ok: Sequence[int] = (0,), hint: str = "") -> Result:
        """Return the result itself. Raises CommandError if the status is not one of `ok`."""
        if self.timed_out or self.status not in ok:
            raise CommandError(
                self.argv, self.status, self.stderr, timed_out=self.timed_out, hint=hint
            )
        return self


class Begun:
    """A command that is running."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self._argv = argv
        self._reading: list[int] = []
        ends = [os.pipe() for _ in range(2)]
        self._pid = os.fork()
        if self._pid == 0:
            _run_as_child(argv, *(write for _, write in ends))
        for read, write in ends:
            os.close(write)
            self._reading.append(read)

    def result(self, timeout: float) -> Result:
        """Wait for its end, and return how it ended."""
        outputs, ended = self._read(time.monotonic() + timeout)
        too_much = any(len(output) > READ_BYTES for output in outputs)
        status = self._wait(ended and not too_much)
        stdout, stderr = (output.decode("utf-8", "replace") for output in outputs)
        if too_much:
            status, stderr = status or -KILLED, TOO_MUCH.format(READ_BYTES >> 20)
        timed_out = not ended and not too_much
        return Result(self._argv, status, stdout, stderr, timed_out)

    def _read(self, deadline: float) -> tuple[tuple[bytearray, bytearray], bool]:
        """Return what it prints on its two outputs, and whether it closed both in time."""
        import select

        outputs = dict(zip(self._reading, (bytearray(), bytearray()), strict=True))
        left = set(outputs)
        while left and (seconds := deadline - time.monotonic()) > 0:
            for descriptor in select.select(left, (), (), seconds)[0]:
                chunk = os.read(descriptor, CHUNK)
                outputs[descriptor] += chunk
                if not chunk or len(outputs[descriptor]) > READ_BYTES:
                    left.discard(descriptor)
        for descriptor in self._reading:
            os.close(descriptor)
        first, second = outputs.values()
        return (first, second), not left

    def _wait(self, ends: bool) -> int:
        """Return its exit status; it is terminated unless it `ends` by itself. A process in an
        uninterruptible wait is left."""
        if ends:
            return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        for number in (TERMINATED, KILLED):
            os.killpg(self._pid, number)
            deadline = time.monotonic() + KILL_AFTER_SECONDS
            while time.monotonic() < deadline:
                ended, status = os.waitpid(self._pid, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(END_POLL_SECONDS)
        return -KILLED


def _run_as_child(argv: tuple[str, ...], stdout: int, stderr: int) -> NoReturn:
    """Become the command, in a process that was just made. All descriptors but the first three
    are closed with that."""
    try:
        os.setsid()
        os.chdir("/")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        become(argv, ENVIRONMENT)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _restore_signals() -> None:
    """Give signals that Python ignores their usual effect, as subprocess does."""
    # Not `signal`, which makes enumerations of all numbers.
    import _signal  # type: ignore[import-not-found]

    for name in _IGNORED_BY_PYTHON:
        if (number := getattr(_signal, name, None)) is not None:
            _signal.signal(number, _signal.SIG_DFL)
