"""A signal that asks this process to end: recorded once, and seen by every running command. Undoing
is shielded: an undo that was started is completed."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from bsdvirt.errors import Interrupted
from bsdvirt.host import tools

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Whether a signal asked this process to end. Shielding applies to the thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._shield = threading.local()
        self._name = ""
        self._asked_before = False
        self._hurried = threading.Event()
        self.patience = math.inf
        """Time limit in seconds for commands that only read."""

    def install(self) -> None:
        """Handle SIGINT, SIGTERM and SIGHUP (a lost ssh connection) as requests to end."""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.ask(signal.Signals(number).name)

    def ask(self, name: str) -> None:
        self._name = name
        self._asked.set()

    def be_patient(self, tell: Callable[[str], None]) -> None:
        """From now on the first signal is only acknowledged, and the next one forces guests."""

        def handle(number: int, frame: FrameType | None) -> None:
            if self._asked_before:
                self.hurry()
            self._asked_before = True
            tell(signal.Signals(number).name)

        for number in SIGNALS:
            signal.signal(number, handle)

    def hurry(self) -> None:
        """Guests are no longer waited for: they are ended by force."""
        self._hurried.set()

    @property
    def hurried(self) -> bool:
        return self._hurried.is_set()

    def hastens(self, argv: Sequence[str]) -> bool:
        """Whether to give up on this command at once: the orderly stop of a guest, or a hook."""
        orderly = (
            argv[0] == tools.ENV
            or (argv[0] == tools.JAIL and "-r" in argv)
            or (argv[0] == tools.PYTHON and "--timeout" in argv)
        )
        return self.hurried and orderly

    @property
    def pending(self) -> bool:
        return self._asked.is_set() and not getattr(self._shield, "up", False)

    def check(self) -> None:
        """Raises Interrupted if this process was asked to end, and is not shielded."""
        if self.pending:
            raise Interrupted(f"interrupted by {self._name}")

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Let this thread's commands run to their end."""
        before = getattr(self._shield, "up", False)
        self._shield.up = True
        try:
            yield
        finally:
            self._shield.up = before
