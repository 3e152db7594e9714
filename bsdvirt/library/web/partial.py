"""Resumable partial downloads: NAME.part beside the file, locked, checksummed as it grows."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bsdvirt.errors import HostError
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.library.progress import amount

CHUNK = 1 << 20
SHA512_DIGITS = 128
POLL_SECONDS = 0.1
FULL = (errno.ENOSPC, errno.EDQUOT)


class Partial:
    """A partial download. `wanted` is the file's SHA-256 or SHA-512; if empty, any complete file
    is accepted. `room` is the free space in bytes."""

    def __init__(self, stream: IO[bytes], shown: str, wanted: str, room: int) -> None:
        self.size = 0
        self.most = 0
        """The largest size so far, across restarts."""
        self.shown = shown
        self.wanted = wanted
        self.complete = False
        """Whether it is complete by the server's headers."""
        self.validator = ""
        """The server's ETag or date of the version being downloaded, for If-Range."""
        self._stream = stream
        self._digest = new_digest(wanted)
        self._room = room
        self._expected = 0

    def load(self, interrupt: Interrupt) -> None:
        """Read the part that an earlier run left."""
        while chunk := self._stream.read(CHUNK):
            interrupt.check()
            self._digest.update(chunk)
            self.size += len(chunk)
        self._room += self.size
        self.most = self.size

    def matches(self) -> bool:
        """Return whether the file is complete: by its checksum, if known."""
        return self.checksum == self.wanted if self.wanted else self.complete

    @property
    def checksum(self) -> str:
        """The checksum of the data so far, in hexadecimal."""
        return self._digest.hexdigest()

    @property
    def algorithm(self) -> str:
        """SHA-256 or SHA-512."""
        return algorithm(self.wanted)

    def expect(self, total: int) -> None:
        """Set the final size. Raises HostError if it does not fit."""
        self._expected = total
        if total > self._room:
            raise HostError(
                f"{self.shown}: {amount(total - self.size)} to download, but only"
                f" {amount(max(0, self._room - self.size))} free",
                "free space, and repeat the command",
            )

    def write(self, chunk: bytes) -> None:
        """Append data. On a full disk, empty the file to free the space and raise HostError."""
        try:
            left = memoryview(chunk)
            while left:
                # Unbuffered: on a nearly full disk a write may be short.
                left = left[self._stream.write(left) :]
        except OSError as error:
            if error.errno in FULL:
                self.restart()
            raise HostError(f"{self.shown}: {error.strerror}", "free space") from error
        self._digest.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Discard the data."""
        self._stream.seek(0)
        self._stream.truncate()
        self._digest = new_digest(self.wanted)
        self.complete = False
        self.size = 0

    def summary(self) -> str:
        """Return a hint on what can be resumed; empty if nothing can."""
        if not self.size or not self.wanted:
            return ""
        of = f" of {amount(self._expected)}" if self._expected else ""
        return f"{amount(self.size)}{of} are kept: repeat the command to resume"


def algorithm(checksum: str) -> str:
    """Return the name of a checksum's algorithm."""
    return "SHA-512" if len(checksum) == SHA512_DIGITS else "SHA-256"


def new_digest(checksum: str) -> hashlib._Hash:
    """Return a new digest of a checksum's algorithm; SHA-256 for an empty one."""
    return hashlib.sha512() if len(checksum) == SHA512_DIGITS else hashlib.sha256()


@contextmanager
def open_partial(
    path: Path, shown: str, checksum: str, room: int, interrupt: Interrupt
) -> Iterator[Partial | None]:
    """Lock and open the partial download of `path`; yield None if `path` itself is complete.

    Afterwards, a complete file is renamed to `path`; a partial one is kept as NAME.part if its
    checksum is known, else removed.
    """
    part = path.with_name(f"{path.name}.part")
    stream = _locked(part, interrupt)
    partial = Partial(stream, shown, checksum, room)
    try:
        if checksum and path.is_file() and digest_of(path, checksum, interrupt) == checksum:
            yield None
            return
        if checksum:
            partial.load(interrupt)
        else:
            # Without a checksum the rest could be that of a newer file.
            partial.restart()
        yield partial
        if partial.matches():
            os.fsync(stream.fileno())
            os.replace(part, path)
    finally:
        if not partial.size or not (checksum or partial.complete):
            part.unlink(missing_ok=True)
        stream.close()


def digest_of(
    path: Path, like: str, interrupt: Interrupt, tell: Callable[[int], None] | None = None
) -> str:
    """Return a file's checksum, by the algorithm of the checksum `like`. `tell` gets the number
    of bytes read so far. Raises OSError as open() does."""
    digest, done = new_digest(like), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            interrupt.check()
            digest.update(chunk)
            done += len(chunk)
            if tell is not None:
                tell(done)
    return digest.hexdigest()


def _locked(part: Path, interrupt: Interrupt) -> IO[bytes]:
    """Open the file once no other process holds its lock."""
    while True:
        interrupt.check()
        # The process before us removes the directory when it is empty.
        part.parent.mkdir(0o700, exist_ok=True)
        try:
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if part.exists() and part.stat().st_ino == os.fstat(descriptor).st_ino:
                # Unbuffered: all data counted is in the file if we are killed.
                return open(descriptor, "r+b", buffering=0)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
