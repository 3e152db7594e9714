"""Work that may hang in the kernel, such as asking a pool that is suspended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from bsdvirt.errors import HostError

T = TypeVar("T")
SLACK = 1.0
"""Seconds besides, for work that notices by itself that it takes too long."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return the result of the work, or raise its error. Raises HostError after the deadline; the
    work is then abandoned, and does not keep the process from ending."""
    found: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds + SLACK)
    if errors:
        raise errors[0]
    if not found:
        raise HostError(f"the pool did not answer within {seconds:.0f} s", "zpool status")
    return found[0]
