"""Read several things at once: each is mostly the wait for a command."""

from __future__ import annotations

import contextlib
import threading
from functools import partial

from bsdvirt.host.begun import DEFAULT_TIMEOUT

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from typing import NoReturn, TypeVar

    from bsdvirt.host.base import Host, LineSink, Result
    from bsdvirt.host.fs import Fs
    from bsdvirt.host.interrupt import Interrupt

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


class Ahead:
    """A host on which an operation that is planned reads its facts at once, and each once.

    What was read is used until the plan is made, or until something is changed or locked: what was
    read before that does not count. Otherwise it is the host itself.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._guard = threading.Lock()
        self._plans = 0
        self._read: dict[Hashable, Callable[[], object]] = {}

    @contextlib.contextmanager
    def planning(self) -> Iterator[None]:
        """Plan an operation: what is expected and kept is used until the end of that."""
        with self._guard:
            self._plans += 1
        try:
            yield
        finally:
            with self._guard:
                self._plans -= 1
            self.forget()

    def expect(self, *commands: Sequence[str]) -> None:
        """Begin to run commands that only read, and that this plan will need."""
        with self._guard:
            for argv in map(tuple, commands):
                if self._plans and argv not in self._read:
                    self._read[argv] = begin(partial(self._host.run, argv, changes=False))

    def keep(self, what: Hashable, read: Callable[[], T]) -> T:
        """Return what this plan has read under that name; read it, if it has not."""
        with self._guard:
            known = self._read.get(what)
        if known is not None:
            return known()  # type: ignore[return-value]
        before = self._read
        value = read()
        with self._guard:
            if self._plans and self._read is before:
                self._read[what] = lambda: value
        return value

    def forget(self) -> None:
        """Read everything again from here on."""
        with self._guard:
            self._read = {}

    # ---- the host ----

    @property
    def fs(self) -> Fs:
        return self._host.fs

    @property
    def interrupt(self) -> Interrupt:
        return self._host.interrupt

    @property
    def owner_uid(self) -> int:
        return self._host.owner_uid

    @property
    def offline(self) -> str:
        return self._host.offline

    @property
    def begins(self) -> bool:
        return self._host.begins

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        stdin: bytes = b"",
    ) -> Result:
        if not changes:
            with self._guard:
                known = self._read.get(tuple(argv))
            if known is not None:
                return known()  # type: ignore[return-value]
        with self._changing(changes):
            return self._host.run(
                argv, changes=changes, timeout=timeout, on_line=on_line, stdin=stdin
            )

    def pipe(
        self,
        left: Sequence[str],
        right: Sequence[str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: LineSink | None = None,
        limit: int = 0,
    ) -> Result:
        with self._changing(True):
            return self._host.pipe(left, right, timeout=timeout, on_line=on_line, limit=limit)

    def attach(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        last: bool = False,
    ) -> int:
        with self._changing(True):
            return self._host.attach(argv, environment=environment, last=last)

    def replace(self, argv: Sequence[str]) -> NoReturn:
        self._host.replace(argv)

    def boot_id(self) -> str:
        return self._host.boot_id()

    def syslog(self, line: str, *, warning: bool) -> None:
        self._host.syslog(line, warning=warning)

    def host_id(self) -> str:
        return self._host.host_id()

    def jail_cpus(self, jid: int) -> tuple[int, ...] | None:
        return self._host.jail_cpus(jid)

    def process_cpus(self, pid: int) -> tuple[int, ...] | None:
        return self._host.process_cpus(pid)

    def own_cpus(self) -> tuple[int, ...] | None:
        return self._host.own_cpus()

    @contextlib.contextmanager
    def _changing(self, changes: bool) -> Iterator[None]:
        """What is read while something changes does not count either."""
        if changes:
            self.forget()
        try:
            yield
        finally:
            if changes:
                self.forget()
