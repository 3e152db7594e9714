"""Reading a host again and again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from bsdvirt.errors import BsdvirtError
from bsdvirt.tui.feed.model import HostState, Store
from bsdvirt.tui.feed.queries.host import FINDINGS
from bsdvirt.tui.feed.source import Reader

EXAMINED_EVERY = 60.0
"""Seconds between two runs of `doctor`."""
REST = 0.25
"""Least pause between two readings, as a share of the interval: a host that takes long to read is
not read all the time."""


class Feed:
    """Reads one host into the store: guests and figures each interval, what `doctor` finds each
    minute."""

    def __init__(
        self, reader: Reader, store: Store, interval: float, changed: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._state: HostState = store.hosts[reader.source.name]
        self.interval = self._state.interval = interval
        self._changed = changed
        self._hurry = asyncio.Event()
        self._examine = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled."""
        examining = asyncio.create_task(self._run_examinations())
        try:
            while True:
                await self._run_once()
        finally:
            examining.cancel()
            await asyncio.wait([examining])

    def refresh(self) -> None:
        """Read at once, and have the host examined."""
        self._hurry.set()
        self._examine.set()

    async def _run_once(self) -> None:
        """Read once, and wait until the next reading is due: counted from the start of this one."""
        self._hurry.clear()
        began = time.monotonic()
        problem = self._state.problem
        self._state.take(await self._reader.tick())
        if problem and not self._state.problem:
            # It answers again.
            self._examine.set()
        self._changed()
        took = time.monotonic() - began
        rest = max(self.interval - took, self.interval * REST)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), rest)

    async def _run_examinations(self) -> None:
        while True:
            self._examine.clear()
            await self._run_examination()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._examine.wait(), EXAMINED_EVERY)

    async def _run_examination(self) -> None:
        while self._state.tick is None:
            # Guests are shown first.
            await asyncio.sleep(self.interval)
        try:
            findings = await self._reader.ask(FINDINGS)
            self._state.findings = tuple(findings)
            self._state.unexamined = ""
        except BsdvirtError as error:
            self._state.findings = None
            self._state.unexamined = error.message
        self._changed()
