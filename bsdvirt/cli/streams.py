"""The three standard streams: always there, and harmless for the terminal behind them."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

from bsdvirt.host.sanitize import shown

TYPE_CHECKING = False
# Type checkers take it for true. The module typing has the same name, and takes longer to import
# than all that --version needs.
if TYPE_CHECKING:
    from typing import TextIO

GONE = (errno.EPIPE, errno.EIO, errno.EBADF)
"""The reader is gone: of a pipe, or of a terminal that was hung up."""


class PlainWriter(io.TextIOWrapper):
    """Writes text with control characters as escapes. Output to a reader that is gone is dropped:
    the operation continues."""

    def write(self, text: str) -> int:
        self.raw(shown(text))
        return len(text)

    def raw(self, text: str) -> None:
        """bsdvirt's own escapes."""
        with self._until_gone():
            super().write(text)

    def flush(self) -> None:
        if not self.closed:
            with self._until_gone():
                super().flush()

    @contextlib.contextmanager
    def _until_gone(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in GONE:
                raise
            self.drop()

    def finish(self) -> None:
        """Called at the end of the command."""

    def drop(self) -> None:
        """Write to nowhere from here on."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)


def raw_write(stream: TextIO, text: str) -> None:
    """Write bsdvirt's own escapes to a stream."""
    if isinstance(stream, PlainWriter):
        stream.raw(text)
    else:
        stream.write(text)


def open_streams() -> None:
    """Open missing standard descriptors: a file must not get one of their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = _writer(1, sys.stdout)
    sys.stderr = _writer(2, sys.stderr)


def _writer(number: int, before: TextIO | None) -> PlainWriter:
    encoding = before.encoding if before is not None else "utf-8"
    to_terminal = os.isatty(number)
    return PlainWriter(
        open(number, "wb", closefd=False),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=to_terminal or number == 2,
        write_through=number == 2,
    )


def close_streams(status: int) -> int:
    """Flush the buffers, and return the exit status: a failure if that fails."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if isinstance(sys.stdout, PlainWriter):
            sys.stdout.drop()
        with contextlib.suppress(OSError):
            print(f"bsdvirt: standard output: {error.strerror}", file=sys.stderr)
        status = status or 1
    if isinstance(sys.stderr, PlainWriter):
        sys.stderr.finish()
    return status
