"""Processes: tools that are run, a child in a session of its own, who a process is."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

TOOL = 60
"""Seconds that a tool may take."""
PRINTED = 4096
"""Bytes that are kept of what a tool prints."""
MISSING = 127
"""The exit status of a program that does not exist, as of sh(1)."""
LOOKS = 3
BHYVE = "bhyve: "
"""What the title begins with that bhyve gives itself: the guest's name follows."""
PASSED = {n: os.environ[n] for n in ("BSDVIRT_ROOT", "BSDVIRT_SIM") if n in os.environ}
"""By what programs find their simulated host."""
ENVIRONMENT = PASSED | {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "LC_ALL": "C", "HOME": "/root"}
"""Of the tools."""
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)
"""What we, or Python, may ignore: a program that we run does not."""
CAUGHT = (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)


class TooSlow(Exception):  # noqa: N818
    """A tool took longer than it may."""


def run(argv: list[str], seconds: int = TOOL, end: int = 0) -> tuple[int, str]:
    """Run a tool to its end; its exit status, and the beginning of what it printed, or that many
    bytes of its end. It is killed after so many seconds; 0 sets no limit."""
    readable, writable = os.pipe()
    printed = bytearray()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writable, 1),
        (os.POSIX_SPAWN_DUP2, writable, 2),
    ]
    signal.signal(signal.SIGALRM, _too_slow)
    with open(readable, "rb", buffering=0) as stream:
        try:
            pid = os.posix_spawn(
                argv[0], argv, ENVIRONMENT, file_actions=actions, setsigdef=IGNORED
            )
        except OSError as error:
            return MISSING, f"{argv[0]}: {error.strerror}"
        finally:
            os.close(writable)
        signal.alarm(seconds)
        try:
            while data := stream.read(65536):
                printed += data if end else data[: PRINTED - len(printed)]
                del printed[: len(printed) - end if end else 0]
            status = os.waitpid(pid, 0)[1]
        except TooSlow:
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        finally:
            signal.alarm(0)
    return os.waitstatus_to_exitcode(status), printed.decode("utf-8", "replace").strip()


def _too_slow(*_: object) -> None:
    raise TooSlow


def spawn(
    argv: list[str], env: dict[str, str], output: int, ready: Callable[[], bool] = lambda: True
) -> int:
    """Run a program as a child that leads a session of its own, its output to a descriptor;
    its process id. The child calls `ready` first, and ends where that returns False."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            for number in (*IGNORED, *CAUGHT):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            if ready():
                os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
                os.dup2(output, 1)
                os.dup2(output, 2)
                os.chdir("/")
                os.execve(argv[0], argv, env)
        except OSError as error:
            os.write(output, f"{argv[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(MISSING)
    return pid


def reap(pid: int, seen: int | None) -> int | None:
    """Return the status of a process that has ended; `seen` where it is not our child."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, 0)[1]
    return seen


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the process group that this process leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def identity(pid: int) -> tuple[str, str]:
    """Return when a process started, and its title; empty where there is none.

    The time is of the host's uptime, which no clock that is set changes: in seconds, and on
    Linux in clock ticks.
    """
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/stat") as stream:
                fields = stream.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/cmdline") as stream:
                title = stream.read().replace("\0", " ").strip()
            with open(f"/proc/{pid}/comm") as stream:
                given = stream.read().strip()
        except OSError:
            return "", ""
        # The first 15 bytes of the title that a simulated bhyve has given itself.
        title = given if given.startswith(BHYVE) else title
        return ("", "") if fields[0] == "Z" else (fields[19], title)
    argv = ["/bin/ps", "-ww", "-o", "state=", "-o", "etimes=", "-o", "command=", "-p", str(pid)]
    for _ in range(LOOKS):
        before = time.monotonic()
        state, seconds, title = (*run(argv)[1].split(None, 2), "", "", "")[:3]
        now = time.monotonic()
        if now - before < 1.0:
            # Else the host is so busy that nobody knows when ps(1) looked.
            break
    return ("", "") if state.startswith("Z") else (started(seconds, now), title)


def started(seconds: str, now: float) -> str:
    """Return the second of the uptime in which a process started that ps(1) shows as so many
    seconds old."""
    return str(round(now - int(seconds))) if seconds.isdigit() else ""


def same_start(one: str, other: str) -> bool:
    """Whether two such times are of one process. Both ps(1) and we cut off fractions of
    seconds; on Linux it is the tick."""
    if not (one.isdigit() and other.isdigit()):
        return bool(one) and one == other
    return abs(int(one) - int(other)) <= (0 if sys.platform == "linux" else 2)


def is_process(pid: object, start: object) -> bool:
    """Whether the process of that number is the one that started then."""
    return isinstance(pid, int) and same_start(identity(pid)[0], str(start))


def age(start: object) -> float:
    """Return for how many seconds a process has run that started then."""
    if not str(start).isdigit():
        return 0.0
    if sys.platform == "linux":
        ticks = int(str(start)) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks)
    return max(0.0, time.monotonic() - int(str(start)))
