"""Files of a supervisor: what it is to do, its state, locks."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]
else:
    # typing is large, and not needed to run.
    Json = dict

ROOT = os.environ.get("BSDVIRT_ROOT", "")
"""On the simulated host, where the host's / is."""
POLL = 0.02


class Failed(Exception):  # noqa: N818
    """It cannot be done, for the reason given: one line for standard error."""


def here(value: Any) -> Any:
    """Return a value with the host's / put before each absolute path in it."""
    if isinstance(value, str):
        return ROOT + value if value.startswith("/") else value
    if isinstance(value, list):
        return [here(item) for item in value]
    if isinstance(value, dict):
        return {key: here(item) for key, item in value.items()}
    return value


def read_json(path: str) -> Json:
    """Return the object in the file; empty where there is no file, or no JSON object in it."""
    try:
        with open(path, "rb") as stream:
            value = json.loads(stream.read())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_file(path: str, text: str) -> None:
    """Replace a file in one step; only root may read it."""
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.rename(path + ".new", path)


def write_failure(path: str, why: str) -> None:
    """Write down why the guest failed, for `bsdvirt info`."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    write_file(path, why + "\n")


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def try_lock(path: str, patience: float = 0.0) -> int | None:
    """Return the descriptor that holds the lock; None where another process keeps it for
    that long. A command that only checks whether it is held has it for a moment."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(POLL)


def stamp() -> str:
    """Return the time of day as the logs have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
