"""Work on several guests at once, bounded, each with its own outcome."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator

from msgspec import Struct, field

from bsdvirt.errors import BsdvirtError, as_told
from bsdvirt.plan.locks import Lock
from bsdvirt.session.session import Session

ENDING_SECONDS = 60.0
"""How long to wait for a command that undoes what it has begun."""


class Outcome(Struct, frozen=True):
    """What an operation did to one object: a message, or an error."""

    name: str
    message: str = ""
    error: BsdvirtError | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.error is None


class Held(Struct):
    """Guests whose locks are held, and the outcomes of those whose locks could not be taken."""

    locks: dict[str, Lock | None] = field(default_factory=dict)
    refused: list[Outcome] = field(default_factory=list)

    def names(self) -> list[str]:
        return list(self.locks)

    def release(self, name: str) -> None:
        if lock := self.locks.get(name):
            lock.release()


@contextlib.contextmanager
def hold(
    session: Session,
    names: Iterable[str],
    verb: str,
    *,
    destroying: bool = False,
    ending: Collection[str] = (),
    shared: Collection[str] = (),
) -> Iterator[Held]:
    """Lock guests in the order of their names, as Session.lock does; those whose command is
    `ending` are waited for, and those in `shared` are only kept from being changed."""
    held = Held()
    try:
        for name in sorted(names):
            try:
                wait = ENDING_SECONDS if name in ending else None
                if name in shared:
                    session.settle("guest", name, verb)
                held.locks[name] = session.lock(
                    "guest", name, verb, shared=name in shared, destroying=destroying, wait=wait
                )
            except Exception as error:
                held.refused.append(Outcome(name, error=as_told(error)))
        yield held
    finally:
        for name in held.locks:
            held.release(name)


def in_parallel(
    session: Session, names: Iterable[str], work: Callable[[str], Outcome]
) -> list[Outcome]:
    """Do the work for each name, as many at once as the host file says; return the outcomes in
    that order. An error of one does not stop the others; an interrupt stops all."""

    def guarded(name: str) -> Outcome:
        try:
            session.interrupt.check()
            return work(name)
        except Exception as error:
            return Outcome(name, error=as_told(error))

    every = list(names)
    if len(every) <= 1 or session.preview:
        return [guarded(name) for name in every]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=min(session.parallel, len(every))) as pool:
        return list(pool.map(guarded, every))
