"""Locks: one file each, never unlinked, taken by flock(2).

The order is always: guests by name, then exports, networks, releases, images, media and pools by
name, then allocation. A busy guest is not waited for: the error says who holds it. Networks and
allocation are held briefly, and are waited for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from types import TracebackType
from typing import Literal, Self

from bsdvirt.errors import ConflictError, NotFoundError
from bsdvirt.host.fs import Fs

LOCK_DIRECTORY = "/var/run/bsdvirt/locks"
WAIT_SECONDS = 120.0
POLL_SECONDS = 0.02
MOST_SHOWN = 60
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@:-]{0,199}", re.ASCII)
"""Names that can be locked: the name is part of a file name."""

Kind = Literal[
    "guest",
    "export",
    "network",
    "release",
    "image",
    "media",
    "pool",
    "root",
    "host",
    "allocation",
    "keeper",
    "periodic",
    "send",
    "start",
    "stats",
]


class Lock:
    """An exclusive or shared lock. The file has a line that says who holds it."""

    def __init__(self, fs: Fs, kind: Kind, name: str = "") -> None:
        if name and not _NAME.fullmatch(name):
            raise NotFoundError(f"no {kind} {name[:MOST_SHOWN]!r}", "it is not a valid name")
        self.kind = kind
        self.name = name
        fs.mkdir(LOCK_DIRECTORY, 0o700)
        label = f"{kind}.{name}" if name else kind
        self._path = fs.path(f"{LOCK_DIRECTORY}/{label}")
        self._descriptor = -1
        self._exclusive = False

    def acquire(self, verb: str, *, wait: float = 0.0, shared: bool = False) -> Self:
        """Take the lock, waiting up to `wait` seconds. Raises ConflictError, with the holder's
        line, if it is held."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
                    os.close(descriptor)
                    what = f"{self.kind} {self.name}".strip()
                    hint = "try again later"
                    if self.kind == "guest" and holder.startswith(("start,", "restart,")):
                        # A virtual machine may wait in its loader.
                        hint += f", or end that: bsdvirt stop {self.name}"
                    raise ConflictError(
                        f"{what} is busy: {holder or 'another bsdvirt'}", hint
                    ) from None
                time.sleep(POLL_SECONDS)
        self._descriptor = descriptor
        self._exclusive = not shared
        if self._exclusive:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{verb}, process {os.getpid()}\n".encode(), 0)
        return self

    def say(self, text: str) -> None:
        """Replace the line in the file."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def outlive(self) -> None:
        """Keep the lock for the life of what this process becomes by execve(2)."""
        os.set_inheritable(self._descriptor, True)
        self._descriptor = -1

    def release(self) -> None:
        if self._descriptor >= 0:
            if self._exclusive:
                # A child that another thread is making just now has the descriptor, and with it
                # the lock, until its execve(2): what the file says must not count meanwhile.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def is_held(fs: Fs, kind: Kind, name: str) -> bool:
    """Whether the lock is held now. Creates no file."""
    if not _NAME.fullmatch(name):
        return False
    return fs.is_locked(lock_file(kind, name))


def lock_file(kind: Kind, name: str) -> str:
    """Return the path of a lock."""
    return f"{LOCK_DIRECTORY}/{kind}.{name}"
