"""Injected faults, for tests: BSDVIRT_FAULT makes a step fail, or kills this process.

`fail:N` fails the N-th step; `kill-before:N` and `kill-after:N` kill the process, as SIGKILL does,
before or after the N-th step. Steps are counted from 1 over the whole process; a plan's commit
record counts as a step.
"""

from __future__ import annotations

import os
import signal
import threading

from bsdvirt.errors import StepError, UsageError
from bsdvirt.spec.digits import natural

VARIABLE = "BSDVIRT_FAULT"
KINDS = ("fail", "kill-before", "kill-after")


class Faults:
    """Counts the steps of this process, and fails or kills at the given one."""

    def __init__(self, asked: str | None = None) -> None:
        text = os.environ.get(VARIABLE, "") if asked is None else asked
        self._kind, _, number = text.partition(":")
        if text and (self._kind not in KINDS or natural(number) is None):
            raise UsageError(f"{VARIABLE}={text}: not a fault", "use fail:N, kill-before:N …")
        self._at = natural(number) or 0
        self._count = 0
        self._lock = threading.Lock()

    def before(self) -> int:
        """Called before a step; return its number."""
        with self._lock:
            self._count += 1
            number = self._count
        self._strike("kill-before", number)
        if self._kind == "fail" and number == self._at:
            raise StepError(f"step {number} failed as {VARIABLE} asked")
        return number

    def after(self, number: int) -> None:
        """Called after a step, before it is recorded."""
        self._strike("kill-after", number)

    def _strike(self, kind: str, number: int) -> None:
        if self._kind == kind and number == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
