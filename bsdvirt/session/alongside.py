"""Read two things at once: each is mostly the wait for a command."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def begin(read: Callable[[], T]) -> Callable[[], T]:
    """Begin to read in another thread. Return the function that waits for the end, and returns what
    was read or raises the error of that."""
    read_there: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            read_there.append(read())
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def end() -> T:
        thread.join()
        if errors:
            raise errors[0]
        return read_there[0]

    return end
