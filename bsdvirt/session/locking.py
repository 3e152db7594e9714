"""Locks, and the recovery of what a crash left of the objects that they guard."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

from bsdvirt.errors import BsdvirtError, ConflictError
from bsdvirt.layout import Layout
from bsdvirt.plan.locks import WAIT_SECONDS, Kind, Lock, is_held
from bsdvirt.session.reading import Reading

GUEST_WAIT_SECONDS = 0.3
"""A guest's lock is not waited for; this outlasts a command that only looks at it."""
MOVES = frozenset({
    "destroy", "move", "promote", "rename", "rollback", "upgrade", "upgrade --back",
    "upgrade --drop",
})  # fmt: skip
"""Verbs that rename or destroy datasets or snapshots, which an export still reads."""


class Locking(Reading, dict=True):
    """A command that takes locks. In a preview it takes none, and recovers nothing."""

    def lock(
        self,
        kind: Kind,
        name: str,
        verb: str,
        *,
        shared: bool = False,
        destroying: bool = False,
        wait: float | None = None,
    ) -> Lock | None:
        """Take a lock, and recover the operations on the object that were cut short. With
        `destroying`, one that cannot be recovered is only reported. `wait` is in seconds; the
        default depends on the kind.

        Raises ConflictError for an object that is busy, StepError for a recovery that fails.
        """
        if self.preview:
            return None
        if wait is None:
            wait = GUEST_WAIT_SECONDS if kind == "guest" else WAIT_SECONDS
        lock = Lock(self.host.fs, kind, name).acquire(verb, wait=wait, shared=shared)
        self.ahead.forget()
        try:
            if not shared and kind != "allocation":
                self.recover(kind, name, destroying=destroying)
            if kind == "guest" and verb in MOVES:
                self.refuse_exported(name, verb, destroying=destroying)
        except BaseException:
            lock.release()
            raise
        return lock

    def lock_on(
        self, stack: contextlib.ExitStack, kind: Kind, name: str, verb: str
    ) -> Callable[[], None]:
        """Take a lock until `stack` is closed; return the function that releases it earlier."""
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
        destroying: bool = False,
    ) -> Iterator[None]:
        """Take a lock for a block of code, as `lock` does."""
        lock = self.lock(kind, name, verb, shared=shared, destroying=destroying)
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
        """Keep these networks, releases and so on from being destroyed meanwhile. A creation of
        one that was cut short is recovered first: its recovery might destroy it later."""
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
        """Recover the operations on one object that were cut short, if any."""
        if name in self.pending(kind):
            with self.locked(kind, name, verb):
                pass

    def refuse_exported(self, name: str, verb: str, *, destroying: bool = False) -> None:
        """Raise ConflictError while a guest is exported; the caller has the guest's lock. An export
        that was cut short is undone or finished."""
        if self.preview:
            return
        if is_held(self.host.fs, "export", name):
            raise ConflictError(f"{name} is being exported", "try again when that has ended")
        if name in self.pending("export"):
            with self.locked("export", name, verb, destroying=destroying):
                pass

    def recover(self, kind: Kind, name: str, *, destroying: bool = False) -> int:
        """Recover the operations on an object; the caller has its lock. See recovery.py."""
        if name not in self.pending(kind):
            return 0
        from bsdvirt.session import recovery

        return recovery.recover(self, kind, name, destroying=destroying)

    def supersede(self, kind: Kind, name: str) -> None:
        """Drop the journals of an object that was destroyed."""
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
