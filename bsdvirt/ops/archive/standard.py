"""Archives on standard output and standard input."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from msgspec.structs import replace

from bsdvirt.errors import HostError, UsageError
from bsdvirt.guest.archive.export import Target
from bsdvirt.layout import RUN_DIRECTORY
from bsdvirt.library.progress import amount
from bsdvirt.session.session import Session

CHUNK = 1 << 20
MARGIN = 64 << 20
"""Bytes that stay free where an archive from standard input is stored."""


@contextlib.contextmanager
def standard_output(session: Session, name: str, target: Target) -> Iterator[Target]:
    """Yield a target whose archive appears on standard output: what is written to a named pipe,
    which only root can open, is copied there."""
    path = f"{RUN_DIRECTORY}/archive.{name}.{os.getpid()}.pipe"
    piped = replace(target, file=path)
    fs = session.host.fs
    fs.mkdir(RUN_DIRECTORY, 0o700)
    real = fs.path(path)
    os.mkfifo(real, 0o600)
    # Open for writing too: the commands that write come and go.
    pipe = os.open(real, os.O_RDWR | os.O_CLOEXEC)
    copier = _Copier(session, pipe)
    copier.start()
    try:
        yield piped
    finally:
        copier.stop()
        os.unlink(real)
    copier.check()


class _Copier:
    """Copies what comes from the pipe to standard output."""

    def __init__(self, session: Session, pipe: int) -> None:
        self._session = session
        self._pipe = pipe
        self._error: OSError | None = None
        self._stop, self._told = os.pipe()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self.start = self._thread.start

    def stop(self) -> None:
        """Wait until all that was written is copied."""
        os.close(self._told)
        self._thread.join()
        os.close(self._pipe)
        os.close(self._stop)

    def check(self) -> None:
        """Raises HostError if standard output could not be written."""
        if self._error is not None:
            raise HostError(f"standard output: {self._error.strerror}", "the archive is incomplete")

    def _copy(self) -> None:
        import select

        while True:
            ready, _, _ = select.select([self._pipe, self._stop], [], [])
            if self._pipe in ready:
                data = os.read(self._pipe, CHUNK)
                self._write(data)
            elif self._stop in ready:
                return

    def _write(self, data: bytes) -> None:
        """Write, or note the error and end the operation: the rest is read and dropped, so that no
        command waits for ever."""
        left = memoryview(data)
        try:
            while left and self._error is None:
                left = left[os.write(1, left) :]
        except OSError as error:
            self._error = error
            self._session.interrupt.ask("SIGPIPE")


@contextlib.contextmanager
def standard_input(session: Session) -> Iterator[str]:
    """Yield the path of a private file with what is on standard input: an archive is read several
    times. Raises HostError if there is no room for it."""
    fs = session.host.fs
    found = session.inventory()
    session.need_mounted(found)
    path = f"{session.layout.fetched}/import.{os.getpid()}"
    fs.mkdir(session.layout.fetched, 0o700)
    room = found.datasets[0].available - MARGIN
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(fs.path(path), flags, 0o600), "wb") as out:
            while data := os.read(0, CHUNK):
                session.interrupt.check()
                room -= len(data)
                if room < 0:
                    raise HostError(
                        f"there is no room for it in {session.layout.dataset}",
                        f"{amount(found.datasets[0].available)} are free; store it elsewhere,"
                        " and name the file",
                    )
                out.write(data)
            if not out.tell():
                raise UsageError("there is nothing on standard input", "name a file")
        yield path
    finally:
        fs.unlink(path)
        with contextlib.suppress(OSError):
            fs.path(session.layout.fetched).rmdir()
