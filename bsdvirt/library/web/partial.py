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
    """One file as far as it has been downloaded. `wanted` is its SHA-256 or SHA-512; empty when
    unknown: then any complete file is accepted. `room` is how many bytes more fit."""

    def __init__(self, stream: IO[bytes], shown: str, wanted: str, room: int) -> None:
        self.size = 0
        self.most = 0
        """The largest size so far, across restarts."""
        self.shown = shown
        self.wanted = wanted
        self.complete = False
        """All of it has arrived, as far as the server's headers tell."""
        self.validator = ""
        """The server's ETag or date of the version being downloaded, for If-Range."""
        self._stream = stream
        self._digest = new_digest(wanted)
        self._room = room
        self._expected = 0

    def load(self, interrupt: Interrupt) -> None:
        """Read what an earlier run left."""
        while chunk := self._stream.read(CHUNK):
            interrupt.check()
            self._digest.update(chunk)
            self.size += len(chunk)
        self._room += self.size
        self.most = self.size

    def matches(self) -> bool:
        """Return whether the file is whole: by its checksum, if that is known."""
        return self.checksum == self.wanted if self.wanted else self.complete

    @property
    def checksum(self) -> str:
        """The checksum of what has arrived, in hexadecimal."""
        return self._digest.hexdigest()

    @property
    def algorithm(self) -> str:
        """SHA-256 or SHA-512."""
        return algorithm(self.wanted)

    def expect(self, total: int) -> None:
        """Note the final size. Raises HostError when it does not fit."""
        self._expected = total
        if total > self._room:
            raise HostError(
                f"{self.shown}: {amount(total - self.size)} are to come, and there is room for"
                f" {amount(max(0, self._room - self.size))}",
                "make room, and repeat the command",
            )

    def write(self, chunk: bytes) -> None:
        """Append. Raises HostError on a full disk, after emptying the file to free it."""
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
        """Drop what has arrived."""
        self._stream.seek(0)
        self._stream.truncate()
        self._digest = new_digest(self.wanted)
        self.complete = False
        self.size = 0

    def summary(self) -> str:
        """Return how much can be resumed, for a hint; empty when nothing can."""
        if not self.size or not self.wanted:
            return ""
        of = f" of {amount(self._expected)}" if self._expected else ""
        return f"{amount(self.size)}{of} are kept: the same command goes on from there"


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
    """Lock and open the partial download of `path`; yield None when `path` itself is whole.

    Afterwards a whole file is renamed to `path`; a partial one stays as NAME.part if a checksum
    is known to resume it by, else it is removed.
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
                # Unbuffered: what counts as arrived is in the file if we are killed.
                return open(descriptor, "r+b", buffering=0)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
