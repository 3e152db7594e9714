"""Bounded logs."""

from __future__ import annotations

import contextlib
import os

LOG_BYTES = 512 * 1024
"""The most that a log holds: less than newsyslog.conf's limit for console.log."""
FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


class Log:
    """A bounded log, FILE, and what it held before, FILE.0.

    A full log is copied to FILE.0 and emptied, not renamed, since other processes may have
    it open to append to it. The descriptor stays the same, for tools that get it. Where the
    disk is full, what is written is lost: a log is no reason to leave the guest alone.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = os.open("/dev/null", FLAGS)
        self.mark = 0
        self.reopen()

    def reopen(self) -> None:
        """Open the file by its name, unless it is the open one: it may have been moved away,
        or not been there for want of space."""
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self.path), os.fstat(self.fd)):
                    return
            other = os.open(self.path, FLAGS | os.O_CREAT, 0o600)
            os.dup2(other, self.fd, inheritable=False)
            os.close(other)

    def write(self, data: bytes) -> None:
        self.reopen()
        self.trim(len(data))
        with contextlib.suppress(OSError):
            os.write(self.fd, data)

    def trim(self, more: int = 0) -> bool:
        """Empty the log where it is too long, or would be with so many bytes more, and keep
        what it held as FILE.0. Return whether it was too long."""
        try:
            size = os.fstat(self.fd).st_size
            if size + more <= LOG_BYTES:
                return False
            kept = os.pread(self.fd, LOG_BYTES, max(0, size - LOG_BYTES))
            os.ftruncate(self.fd, 0)
            self.mark = 0
            older = os.open(
                self.path + ".0", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600
            )
            with open(older, "wb") as aside:
                aside.write(kept)
        except OSError:
            pass
        return True

    def set_mark(self) -> None:
        """Have marked() return what is appended from now on."""
        self.reopen()
        self.trim()
        self.mark = os.fstat(self.fd).st_size

    def marked(self, most: int) -> bytes:
        """Return the last bytes of what was appended since."""
        return self._last(most, self.mark)

    def _last(self, most: int, start: int = 0) -> bytes:
        try:
            return os.pread(self.fd, most, max(start, os.fstat(self.fd).st_size - most))
        except OSError:
            return b""

    def recent(self, most: int) -> bytes:
        """Return its last bytes, from the beginning of a line."""
        data = self._last(most)
        if len(data) < most:
            with contextlib.suppress(OSError), open(self.path + ".0", "rb") as older:
                older.seek(0, os.SEEK_END)
                older.seek(max(0, older.tell() - most + len(data)))
                data = older.read() + data
        return data[data.find(b"\n") + 1 :] if len(data) >= most else data


def plain(data: bytes) -> str:
    """Return its text without escape sequences and control characters."""
    shown: list[str] = []
    sequence = False
    for letter in data.decode("utf-8", "replace"):
        if sequence:
            sequence = not (letter.isalpha() or letter == "\x1b")
        elif letter == "\x1b":
            sequence = True
        elif letter.isprintable() or letter == "\n":
            shown.append(letter)
    return "".join(shown)
