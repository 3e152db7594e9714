"""Boot starts under way: a shutdown ends them first.

Each has a file named by its process id, locked by the process for as long as it lives: a file
that is not locked is left from a process that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator

from bsdvirt.host.fs import Fs
from bsdvirt.layout import RUN_DIRECTORY
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural

DIRECTORY = f"{RUN_DIRECTORY}/starting"
PAUSE = 0.05


@contextlib.contextmanager
def under_way(session: Session) -> Iterator[None]:
    """Within, this process is known as one that starts guests."""
    if session.preview:
        yield
        return
    fs = session.host.fs
    fs.mkdir(DIRECTORY, 0o700)
    path = fs.path(f"{DIRECTORY}/{os.getpid()}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        os.close(descriptor)


def end_others(session: Session, seconds: float) -> list[int]:
    """Ask the boot starts under way to begin no more guests and to undo what is unfinished. Return
    those that are still running after `seconds`."""
    fs = session.host.fs
    alive = _alive(fs)
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while alive and time.monotonic() < deadline:
        time.sleep(PAUSE)
        alive = _alive(fs)
    return alive


def _alive(fs: Fs) -> list[int]:
    """The processes; what one left that was killed is taken away."""
    pids = ((natural(name), name) for name in fs.listdir(DIRECTORY))
    return [pid for pid, name in pids if pid is not None and _held(fs, name)]


def _held(fs: Fs, name: str) -> bool:
    path = fs.path(f"{DIRECTORY}/{name}")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return False
    finally:
        os.close(descriptor)
