"""Where a host is read from: the interface, and the thread that does it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from bsdvirt.errors import HostError
from bsdvirt.tui.feed.model import Tick

if TYPE_CHECKING:
    from bsdvirt.session.session import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """What can be asked of a host: the words of the command line, the rows that they print with
    --json, and the function that returns the same rows in this process, given the words that
    follow."""

    words: tuple[str, ...]
    rows: type[T]
    local: Callable[..., T]
    fails: bool = False
    """Whether the verb exits with 1 where it found something; it prints its rows all the same."""
    apart: bool = False
    """Whether it takes long: where the host can answer several questions at once, a command of its
    own answers this one, so that ticks go on."""

    def read(self, session: Session, *words: str) -> T:
        return self.local(session, *words)


class Source(Protocol):
    """A host. `tick` and `ask` block, and are called from the source's own thread."""

    name: str
    """As given by --host; "" is this machine."""
    several: bool
    """Whether the host can be asked several things at once."""

    @property
    def read_only(self) -> str:
        """Return why nothing can be changed there; "" if it can."""

    def tick(self) -> Tick:
        """Read guests and figures. A failure is the Tick's `problem`, never raised."""

    def ask(self, query: Query[T], *words: str) -> T:
        """Return the rows of a query. Raises BsdvirtError."""

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        """Return the command that runs bsdvirt with these words there; `terminal`, with this
        terminal as its own."""

    def close(self) -> None:
        """Give up connections."""


class Reader:
    """The thread of a source: one call at a time, in the order in which they were made. It is a
    daemon: a host that does not answer does not keep the UI from ending."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        _start(self._work, source.name)

    async def call(self, function: Callable[[], T]) -> T:
        """Run a function in the thread, and return its result. Raises what it raises."""
        return await _result(function, self._calls.put)

    async def tick(self) -> Tick:
        return await self.call(self.source.tick)

    async def ask(self, query: Query[T], *words: str) -> T:
        if query.apart and self.source.several:
            return await _ask_apart(self.source, query, *words)
        return await self.call(lambda: self.source.ask(query, *words))

    def close(self) -> None:
        self._calls.put(None)
        self.source.close()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


async def _ask_apart(source: Source, query: Query[T], *words: str) -> T:
    """Return the rows that a command prints. Raises HostError."""
    argv = source.argv([*query.words, *words, "--json"])
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            out, err = await _result(child.communicate, lambda work: _start(work, source.name))
        finally:
            # The UI ends before the command.
            if child.poll() is None:
                child.kill()
    try:
        return msgspec.json.decode(out, type=query.rows)
    except msgspec.MsgspecError:
        # The status does not say: some verbs fail since they found something.
        said = err.decode(errors="replace").strip().splitlines()
        raise HostError(said[-1] if said else f"bsdvirt {query.words[0]} failed") from None


def _start(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=f"reads {name}", daemon=True).start()


async def _result(function: Callable[[], T], start: Callable[[Callable[[], None]], None]) -> T:
    """Have `start` run a function in another thread; return its result, or raise what it raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(done: Callable[[], None]) -> None:
        if not future.done():
            done()

    def deliver_soon(done: Callable[[], None]) -> None:
        # The loop may be closed meanwhile: nobody waits for the result.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, done)

    def work() -> None:
        if future.cancelled():
            return
        try:
            result = function()
        except BaseException as raised:
            error = raised
            deliver_soon(lambda: future.set_exception(error))
        else:
            deliver_soon(lambda: future.set_result(result))

    start(work)
    return await future
