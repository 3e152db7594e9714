"""How often, and how soon, a guest that has ended is run again: the same for both kinds."""

from __future__ import annotations

import time

from bsdvirt.supervise.files import Json

SETTLED = 1.0
"""Seconds that a run must last for its start to count as one."""
DOUBLINGS = 16


class Restarts:
    """The restarts so far. Each method gets the policy as it is now: it may be changed while
    the guest runs."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.quick = 0

    def count(self, policy: Json) -> bool:
        """Count a restart; whether `most` of them within `window` seconds allow it. A `most`
        of 0 sets no limit."""
        now, most = time.monotonic(), policy["most"]
        self.times = [then for then in self.times if now - then < policy["window"]]
        if most and len(self.times) >= most:
            return False
        if most:
            self.times.append(now)
        return True

    def pause(self, policy: Json, lasted: float) -> float:
        """Return the seconds before the next run: doubled each time, until a run lasts longer
        than the longest pause."""
        first, longest = policy["backoff"]
        self.quick = 1 if lasted > max(longest, SETTLED) else self.quick + 1
        return float(min(longest, first * 2 ** min(self.quick - 1, DOUBLINGS)))
