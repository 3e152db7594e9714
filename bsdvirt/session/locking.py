"""Locks, and the recovery of what a crash left of the objects that they guard."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bsdvirt.errors import BsdvirtError
from bsdvirt.layout import Layout
from bsdvirt.plan.locks import WAIT_SECONDS, Kind, Lock, is_held
from bsdvirt.session.reading import Reading

GUEST_WAIT_SECONDS = 0.3
"""A guest's lock is not waited for; this outlasts a command that only looks at it."""


@dataclass
class Locking(Reading):
    """A command that takes locks. In a preview it takes none, and recovers nothing."""

    def lock(
        self,
        kind: Kind,
        name: str,
        verb: str,
        *,
        shared: bool = False,
        gives_way: bool = False,
        wait: float | None = None,
    ) -> Lock | None:
        """Take a lock and mend what a crash left of the thing it guards. Where that is about
        to be destroyed, what cannot be mended `gives_way`. `wait` in seconds; as its kind is
        waited for where it is not given.

        Raises ConflictError where a guest is busy, StepError where it cannot be mended.
        """
        if self.preview:
            return None
        if wait is None:
            wait = GUEST_WAIT_SECONDS if kind == "guest" else WAIT_SECONDS
        lock = Lock(self.host.fs, kind, name).acquire(verb, wait=wait, shared=shared)
        try:
            if not shared and kind != "allocation":
                self.mend(kind, name, gives_way=gives_way)
        except BaseException:
            lock.release()
            raise
        return lock

    def lock_on(
        self, stack: contextlib.ExitStack, kind: Kind, name: str, verb: str
    ) -> Callable[[], None]:
        """Take a lock until `stack` is closed; the function that releases it earlier."""
        lock = self.lock(kind, name, verb)
        if lock is None:
            return lambda: None
        stack.callback(lock.release)
        return lock.release

    @contextlib.contextmanager
    def locked(
        self,
        kind: Kind,
        name: str,
        verb: str,
        *,
        shared: bool = False,
        gives_way: bool = False,
    ) -> Iterator[None]:
        lock = self.lock(kind, name, verb, shared=shared, gives_way=gives_way)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    @contextlib.contextmanager
    def using(
        self,
        verb: str,
        *,
        networks: Iterable[str] = (),
        releases: Iterable[str] = (),
        images: Iterable[str] = (),
        media: Iterable[str] = (),
        pool: Layout | None = None,
    ) -> Iterator[None]:
        """Nobody takes these networks, releases and so on away meanwhile; what a crash left of
        the making of one is mended first, since recovery might take it away later."""
        wanted: list[tuple[Kind, str]] = [("network", name) for name in sorted(set(networks))]
        wanted += [("release", name) for name in sorted(set(releases))]
        wanted += [("image", name) for name in sorted(set(images))]
        wanted += [("media", name) for name in sorted(set(media))]
        wanted += [("pool", pool.named)] if pool is not None and pool.named else []
        with contextlib.ExitStack() as stack:
            for kind, name in wanted:
                self.settle(kind, name, verb)
                stack.enter_context(self.locked(kind, name, verb, shared=True))
            if pool is not None:
                # It may have been removed before we had its lock.
                self.forget_pools()
                self.pool(pool.name)
            yield

    def settle(self, kind: Kind, name: str, verb: str) -> None:
        """Mend what was cut short of one thing, if anything was."""
        if name in self.pending(kind):
            with self.locked(kind, name, verb):
                pass

    def mend(self, kind: Kind, name: str, *, gives_way: bool = False) -> int:
        """Finish or undo what was cut short; the caller has the lock. See recovery.py."""
        if name not in self.pending(kind):
            return 0
        from bsdvirt.session import recovery

        return recovery.mend(self, kind, name, gives_way=gives_way)

    def supersede(self, kind: Kind, name: str) -> None:
        """What was cut short of a thing that is destroyed now is moot."""
        if name in self.pending(kind):
            from bsdvirt.session import recovery

            recovery.supersede(self, kind, name)


def recover_all(session: Locking, errors: list[BsdvirtError]) -> list[str]:
    """Undo or finish every operation of this host that was cut short; a line for each. One that
    fails stops no other."""
    done: list[str] = []
    for kind, name, path in session.journals():
        if is_held(session.host.fs, kind, name):
            continue
        if session.preview:
            done.append(f"{name}: would undo or finish {path}")
            continue
        before = session.pending(kind)
        try:
            with session.locked(kind, name, "doctor"):
                if name in before - session.pending(kind):
                    done.append(f"{name}: an operation that was cut short is undone or finished")
        except BsdvirtError as error:
            if not any(error.message == other.message for other in errors):
                errors.append(error)
    return done
