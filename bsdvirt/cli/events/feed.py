"""--events json: one JSON object a line on standard error.

The lines are written by a thread of their own. A reader that is gone, or that has stopped to read
(a connection that hangs, a process that is suspended), does not stop the work: what it does not
take is dropped.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time

import msgspec

from bsdvirt.cli.events.convert import row_of
from bsdvirt.cli.streams import PlainWriter
from bsdvirt.errors import BsdvirtError
from bsdvirt.host.sanitize import MOST_TEXT, bounded
from bsdvirt.plan.events import Event
from bsdvirt.rows import events as rows

MOST_WAITING = 2000
"""Lines that are kept for a reader that does not read."""
PROGRESS_WAITING = 100
"""Progress is only sent while no more lines than that are waiting."""
LAST_SECONDS = 3.0
"""How long the reader is waited for at the end."""


class Feed:
    """Writes rows to a descriptor, a line each. Safe for several threads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._write, name="events", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Send an event."""
        if (row := row_of(event)) is not None:
            self.send(row)

    def send(self, row: rows.Report) -> None:
        """Send a row, unless too many are waiting."""
        if isinstance(row, rows.Progress) and self._lines.qsize() > PROGRESS_WAITING:
            return
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(msgspec.json.encode(row) + b"\n")

    def close(self) -> None:
        """Wait until all is written, for a few seconds at most."""
        deadline = time.monotonic() + LAST_SECONDS
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=LAST_SECONDS)
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _write(self) -> None:
        # Signals are for the main thread: another one that gets them does not wake it.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        gone = False
        while (line := self._lines.get()) is not None:
            while line and not gone:
                try:
                    line = line[os.write(self._descriptor, line) :]
                except OSError:
                    gone = True


class FeedWriter(PlainWriter):
    """Standard error while events go there: each line that is printed becomes an event."""

    feed: Feed
    _begun = ""

    def raw(self, text: str) -> None:
        """Send the lines that are complete."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                self.feed.send(rows.Told(message=bounded(line)))
        self._begun = self._begun[: MOST_TEXT + 1]

    def send_error(self, error: BsdvirtError, code: int, subject: str = "") -> None:
        """Send the error that the verb, or its work on one object, ends with."""
        row = rows.Error(
            subject=bounded(subject),
            message=bounded(error.message),
            hint=bounded(error.hint),
            exit_code=code,
        )
        self.feed.send(row)

    def finish(self) -> None:
        """Wait until all is sent."""
        self.raw("\n" if self._begun else "")
        self.feed.close()


def open_feed() -> Feed:
    """Have standard error carry events; return where to send them."""
    if isinstance(sys.stderr, FeedWriter):
        return sys.stderr.feed
    sys.stderr.flush()
    # A duplicate: a descriptor of standard error that was closed is another file's.
    descriptor = os.dup(2)
    writer = FeedWriter(open(os.devnull, "wb"), encoding="utf-8", write_through=True)  # noqa: SIM115
    writer.feed = Feed(descriptor)
    sys.stderr = writer
    return writer.feed


def feed() -> Feed | None:
    """Return where events go; None without --events."""
    return sys.stderr.feed if isinstance(sys.stderr, FeedWriter) else None
