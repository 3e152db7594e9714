"""Progress of work that is not a step of a plan: downloads, checksums, measuring a file."""

from __future__ import annotations

import time
from types import TracebackType

from bsdvirt.plan import events
from bsdvirt.session.session import Session

INTERVAL_SECONDS = 0.1


def amount(number: int) -> str:
    """Return a number of bytes for people."""
    return f"{number / 1_000_000:.0f} MB" if number >= 10_000_000 else f"{number} bytes"


class Meter:
    """Sends Progress events of one piece of work, at most ten a second; ProgressEnded at the
    end of the `with` block."""

    def __init__(self, session: Session, verb: str, subject: str, why: str, total: int = 0) -> None:
        self._session = session
        self._about = ("", verb, subject, why)
        self._total = total
        self._sent = 0.0

    def __call__(self, done: int, total: int | None = None) -> None:
        total = self._total if total is None else total
        now = time.monotonic()
        if now - self._sent >= INTERVAL_SECONDS or done == total:
            self._sent = now
            self._session.sink(events.Progress(*self._about, done, total, "bytes"))

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.sink(events.ProgressEnded(*self._about))
