"""A file on its way: what there is of it, kept where it can be gone on with."""

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
from bsdvirt.library.mirrors import amount

CHUNK = 1 << 20
SHA512_DIGITS = 128
POLL_SECONDS = 0.1
FULL = (errno.ENOSPC, errno.EDQUOT)


class Kept:
    """What has come of one file. `checksum` is its SHA-256 or SHA-512, or empty where
    nobody knows: then all that comes is believed. `room` is how many bytes more there is
    room for."""

    def __init__(self, stream: IO[bytes], shown: str, checksum: str, room: int) -> None:
        self.size = 0
        self.best = 0
        """The most that there ever was of it."""
        self.shown = shown
        self.complete = False
        """All of it has come, as far as a server can tell."""
        self._stream = stream
        self._checksum = checksum
        self._digest = new_digest(checksum)
        self._room = room
        self._expected = 0

    def read(self, interrupt: Interrupt) -> None:
        """Take in what is there already."""
        while chunk := self._stream.read(CHUNK):
            interrupt.check()
            self._digest.update(chunk)
            self.size += len(chunk)
        self._room += self.size
        self.best = self.size

    def matches(self) -> bool:
        if not self._checksum:
            return self.complete
        return self._digest.hexdigest() == self._checksum

    @property
    def checksum(self) -> str:
        """Of what has come, in hexadecimal."""
        return self._digest.hexdigest()

    @property
    def kind(self) -> str:
        """The name of its checksum."""
        return "SHA-512" if len(self._checksum) == SHA512_DIGITS else "SHA-256"

    def expect(self, total: int) -> None:
        """So long will it be. Raises HostError where there is no room for it."""
        self._expected = total
        if total > self._room:
            raise HostError(
                f"{self.shown}: {amount(total - self.size)} are to come, and there is room for"
                f" {amount(max(0, self._room - self.size))}",
                "make room, and say it again",
            )

    def add(self, chunk: bytes) -> None:
        """Raises HostError on a full disk, of which nothing is then kept."""
        try:
            left = memoryview(chunk)
            while left:
                # Unbuffered: a disk that is filling up takes a part.
                left = left[self._stream.write(left) :]
        except OSError as error:
            if error.errno in FULL:
                self.restart()
            raise HostError(f"{self.shown}: {error.strerror}", "make room") from error
        self._digest.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self._digest = new_digest(self._checksum)
        self.complete = False
        self.size = 0

    def so_far(self) -> str:
        """For people: how much there is, and where; nothing where there is nothing that can
        be gone on with."""
        if not self.size or not self._checksum:
            return ""
        of = f" of {amount(self._expected)}" if self._expected else ""
        return f"{amount(self.size)}{of} are kept: the same command goes on from there"


def new_digest(checksum: str) -> hashlib._Hash:
    """What makes a checksum of that kind; SHA-256 where there is none."""
    return hashlib.sha512() if len(checksum) == SHA512_DIGITS else hashlib.sha256()


@contextmanager
def keeping(
    path: Path, shown: str, checksum: str, room: int, interrupt: Interrupt
) -> Iterator[Kept | None]:
    """What there is of a file, for nobody else meanwhile; None where it is whole. At the
    end a file that is whole has its name, one that is not its name and .part, and an
    empty one is gone."""
    part = path.with_name(f"{path.name}.part")
    stream = _locked(part, interrupt)
    kept = Kept(stream, shown, checksum, room)
    try:
        if checksum and path.is_file() and digest_of(path, checksum, interrupt) == checksum:
            yield None
            return
        if checksum:
            kept.read(interrupt)
        else:
            # What cannot be checked is begun anew: the file may be another one by now.
            kept.restart()
        yield kept
        if kept.matches():
            os.fsync(stream.fileno())
            os.replace(part, path)
    finally:
        if not kept.size or not (checksum or kept.complete):
            part.unlink(missing_ok=True)
        stream.close()


def digest_of(
    path: Path, kind: str, interrupt: Interrupt, tell: Callable[[int], None] | None = None
) -> str:
    """A file's checksum, of the kind of another. `tell` is given how much has been read.

    Raises OSError as open() does.
    """
    digest, done = new_digest(kind), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            interrupt.check()
            digest.update(chunk)
            done += len(chunk)
            if tell is not None:
                tell(done)
    return digest.hexdigest()


def _locked(part: Path, interrupt: Interrupt) -> IO[bytes]:
    """The open file, once no other bsdvirt is at it."""
    while True:
        interrupt.check()
        # Whoever was here before takes the directory away where it is empty.
        part.parent.mkdir(0o700, exist_ok=True)
        try:
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if part.exists() and part.stat().st_ino == os.fstat(descriptor).st_ino:
                # Unbuffered: what counts as come is in the file, whatever ends us.
                return open(descriptor, "r+b", buffering=0)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
