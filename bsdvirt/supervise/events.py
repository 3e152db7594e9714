"""What a supervisor waits for, in one poll(2), each with what is done then: descriptors that
are ready, files that grow, processes that end, and time.

Files and processes come by a kqueue(2), which is a descriptor itself. On Linux, for the tests
on the simulated host, processes come by pidfds, and nothing tells that a file grows.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable

from bsdvirt.supervise.files import ROOT

READ, WRITE = select.POLLIN, select.POLLOUT
LOOK = float(os.environ.get("BSDVIRT_LOG_LOOK", "60"))
"""Seconds between two looks at a file, where nothing tells that it grows."""
Act = Callable[[int], object]
Ended = Callable[[int | None], object]
"""What is done at the end of a process, with its status as of wait(2) where it is known."""


class Events:
    """What is waited for. A name has one timer."""

    def __init__(self) -> None:
        self.poll = select.poll()
        self.acts: dict[int, Act] = {}
        self.timers: dict[str, tuple[float, Callable[[], object]]] = {}
        if sys.platform != "linux":
            self.queue = select.kqueue()
            self.ends: dict[int, Ended] = {}
            self.want(self.queue.fileno(), self._told)

    def want(self, fd: int, act: Act, bits: int = READ) -> None:
        """Wait until a descriptor is ready, or only until it is hung up; `act` gets what it
        is ready for: anything but WRITE is to be read."""
        self.acts[fd] = act
        self.poll.register(fd, bits)

    def forget(self, fd: int) -> None:
        """Wait for the descriptor no longer, before it is closed."""
        self.poll.unregister(fd)
        del self.acts[fd]

    def after(self, name: str, seconds: float, act: Callable[[], object]) -> None:
        """Do something after some time, instead of what was to be done by that name."""
        self.timers[name] = (time.monotonic() + seconds, act)

    def cancel(self, *names: str) -> None:
        for name in names:
            self.timers.pop(name, None)

    def wait(self) -> None:
        """Wait until something happens, and act on it."""
        left = None
        if self.timers:
            left = max(0.0, min(at for at, _ in self.timers.values()) - time.monotonic())
        ready = self.poll.poll(None if left is None else int(left * 1000) + 1)
        for fd, bits, awaited in [(fd, bits, self.acts[fd]) for fd, bits in ready]:
            # An act may have closed that descriptor, and another have its number since.
            if self.acts.get(fd) == awaited:
                awaited(bits)
        now = time.monotonic()
        for name, (at, act) in [*self.timers.items()]:
            if at <= now and self.timers.get(name) == (at, act):
                del self.timers[name]
                act()

    if sys.platform == "linux":

        def watch(self, pid: int, act: Ended) -> bool:
            """Wait for the end of that process; whether there is one."""
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                return False
            self.want(fd, lambda _: self._ended(fd, pid, act))
            return True

        def watch_file(self, fd: int, act: Callable[[], object]) -> None:
            """Look at a file now and then."""

            def look() -> None:
                act()
                self.watch_file(fd, act)

            self.after("file", LOOK, look)

        def _ended(self, fd: int, pid: int, act: Ended) -> None:
            self.forget(fd)
            os.close(fd)
            status = None
            # The simulated bhyve leaves its status for a supervisor that is not its parent.
            with contextlib.suppress(OSError, ValueError), open(f"{ROOT}/var/run/ended.{pid}") as f:
                status = int(f.read())
            act(status)

    else:

        def watch(self, pid: int, act: Ended) -> bool:
            """Wait for the end of that process; whether there is one."""
            event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            self.ends[pid] = act
            try:
                self.queue.control([event], 0)
            except ProcessLookupError:
                return False
            return True

        def watch_file(self, fd: int, act: Callable[[], object]) -> None:
            """Act when a file has grown, until it is closed."""
            flags, notes = select.KQ_EV_ADD | select.KQ_EV_CLEAR, select.KQ_NOTE_EXTEND
            event = select.kevent(fd, select.KQ_FILTER_VNODE, flags, notes)
            self.grown = act
            # Some file systems cannot tell.
            with contextlib.suppress(OSError):
                self.queue.control([event], 0)

        def _told(self, _: int) -> None:
            for event in self.queue.control(None, 16, 0):
                if event.filter == select.KQ_FILTER_VNODE:
                    self.grown()
                elif event.ident in self.ends:
                    self.ends.pop(event.ident)(event.data)
