"""The three standard streams: always there, and harmless for the terminal behind them; and how an
error is told, as a line on standard error or as an event."""

from __future__ import annotations

import errno
import io
import os
import sys

from bsdvirt.host.sanitize import shown

TYPE_CHECKING = False
# Type checkers take it for true. The module typing has the same name, and takes longer to import
# than all that --version needs.
if TYPE_CHECKING:
    from typing import TextIO

    from bsdvirt.errors import BsdvirtError

MOST_SHOWN = 300
"""Characters of a word in an error."""
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
        try:
            super().write(text)
        except OSError as error:
            self._drop_if_gone(error)

    def flush(self) -> None:
        if self.closed:
            return
        try:
            super().flush()
        except OSError as error:
            self._drop_if_gone(error)

    def _drop_if_gone(self, error: OSError) -> None:
        """Drop the output of a reader that is gone. Raises every other error."""
        if error.errno not in GONE:
            raise error
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
        try:  # noqa: SIM105 (contextlib takes longer to import than all else here)
            print(f"bsdvirt: standard output: {error.strerror}", file=sys.stderr)
        except OSError:
            pass
        status = status or 1
    if isinstance(sys.stderr, PlainWriter):
        sys.stderr.finish()
    try:  # noqa: SIM105
        sys.stderr.flush()
    except OSError:
        pass
    return status


def end_with_reader() -> None:
    """Have the reader's end end this process, too, as that of other tools: `bsdvirt ls | head`."""
    # Not `signal`, which makes enumerations of all numbers.
    import _signal  # type: ignore[import-not-found]

    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)


def tell(error: BsdvirtError, code: int, subject: str = "") -> None:
    """Print an error, or send it as an event."""
    if (send := getattr(sys.stderr, "send_error", None)) is not None:
        send(error, code, subject)
        return
    line = one_line(error)
    named = not subject or subject in error.message.replace(":", " ").split()
    print(f"bsdvirt: {line}" if named else f"bsdvirt: {subject}: {line}", file=sys.stderr)


def one_line(error: BsdvirtError) -> str:
    """Return the error and its hint in one line."""
    return " ".join(map(_short, str(error).split()))


def _short(word: str) -> str:
    most = MOST_SHOWN * 4
    return word if len(word) <= most else f"{word[:MOST_SHOWN]}…({len(word)} characters)"
