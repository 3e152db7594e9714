"""Random bytes and times that a plan contains, remembered: a plan that was shown can be made
again with the same ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

from bsdvirt.rows.base import utc

RandomBytes = Callable[[int], bytes]


class Draws:
    """What was drawn at random for each object. Safe for several threads, one object each."""

    def __init__(self, known: Mapping[str, Sequence[bytes]] | None = None) -> None:
        self._left = {name: list(drawn) for name, drawn in (known or {}).items()}
        self._drawn: dict[str, list[bytes]] = {}

    def source(self, name: str) -> RandomBytes:
        """Return the source of random bytes for one object."""
        return lambda size: self._next(name, lambda: os.urandom(size), size)

    def time(self, name: str) -> str:
        """Return the time at which an object is made, in UTC."""
        make = lambda: utc().encode()  # noqa: E731
        return self._next(f"time {name}", make).decode()

    def now(self) -> int:
        """Return the present time, in seconds since 1970."""
        return int(self._next("now", lambda: str(int(time.time())).encode()).decode())

    def again(self) -> Draws:
        """Return draws that begin with the same ones."""
        return Draws(self._drawn)

    def _next(self, name: str, make: Callable[[], bytes], size: int | None = None) -> bytes:
        left = self._left.get(name)
        drawn = left.pop(0) if left else make()
        if size is not None and len(drawn) != size:
            drawn = make()
        self._drawn.setdefault(name, []).append(drawn)
        return drawn
