"""One use of bsdvirt: the host, its configuration, its locks, its executor."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from bsdvirt.errors import HostError
from bsdvirt.host.base import Host
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.plan import events, journal
from bsdvirt.plan.events import Sink
from bsdvirt.plan.locks import WAIT_SECONDS, Kind, Lock
from bsdvirt.plan.step import Plan
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.spec.load import load_hostfile
from bsdvirt.store.guests import Inventory, inventory
from bsdvirt.store.layout import HOST_FILE, Layout
from bsdvirt.store.networks import Networks, load_networks
from bsdvirt.zfs import Zfs, open_zfs

if TYPE_CHECKING:
    from bsdvirt.plan.execute import Executor

GUEST_WAIT_SECONDS = 0.3
"""A guest's lock is not waited for; this only outlasts another's glance at it."""


def open_host(sim: str | None, interrupt: Interrupt) -> Host:
    """The simulated host in a directory, or this machine.

    Raises HostError where this machine is no FreeBSD.
    """
    if sim:
        from bsdvirt.host.sim import SimHost

        return SimHost(sim, interrupt)
    if not sys.platform.startswith("freebsd"):
        raise HostError(
            f"this is {sys.platform}, and bsdvirt manages FreeBSD hosts",
            "try it on a simulated host: bsdvirt --sim DIR …",
        )
    from bsdvirt.host.real import RealHost

    return RealHost(interrupt)


@dataclass
class Session:
    """What every operation works with. With `show`, plans are shown and not run: no
    lock is taken and nothing is repaired."""

    host: Host
    interrupt: Interrupt = field(default_factory=Interrupt)
    sink: Sink = events.ignore
    show: Callable[[Plan], None] | None = None

    @property
    def dry_run(self) -> bool:
        return self.show is not None

    @cached_property
    def hostfile(self) -> HostFile:
        """Raises HostError before `init`, UsageError for what is wrong in the file."""
        try:
            text = self.host.fs.read_text(HOST_FILE)
        except FileNotFoundError:
            raise HostError(
                f"{HOST_FILE} is not there: this host is not set up",
                "bsdvirt init --pool POOL",
            ) from None
        except OSError as error:
            raise HostError(f"{HOST_FILE}: {error.strerror}", "run as root") from error
        return load_hostfile(text, HOST_FILE)

    @cached_property
    def layout(self) -> Layout:
        return Layout(str(self.hostfile.dataset), str(self.hostfile.mountpoint))

    @cached_property
    def _executor(self) -> Callable[[str | None], Executor]:
        # Imported when something is to be done: reading verbs need none of it.
        from bsdvirt.plan.execute import Executor
        from bsdvirt.plan.fault import Faults

        faults = Faults()
        return lambda state: Executor(self.host, state, self.sink, self.interrupt, faults)

    def prepare(self) -> None:
        """Load what changes are made with, before several threads ask for it."""
        _ = self._executor

    @cached_property
    def zfs(self) -> Zfs:
        return open_zfs(self.host)

    @property
    def parallel(self) -> int:
        """How many guests to work on at once."""
        return self.hostfile.parallel or max(2, os.cpu_count() or 1)

    def inventory(self) -> Inventory:
        """What is there now. Raises HostError where the root dataset is not mounted."""
        found = inventory(self.layout, self.zfs.datasets(self.layout.dataset))
        root = found.datasets[0]
        if root.mountpoint != self.layout.mountpoint:
            raise HostError(
                f"{root.name} is to be mounted at {root.mountpoint}, but {HOST_FILE} says"
                f" {self.layout.mountpoint}",
                "correct `mountpoint` there",
            )
        return found

    def need_mounted(self, found: Inventory) -> None:
        """Raises HostError where the root dataset is not mounted: nothing can be journalled."""
        if not found.datasets[0].mounted:
            name = found.datasets[0].name
            if found.datasets[0].locked:
                key = found.datasets[0].encryption_root or name
                raise HostError(
                    f"{name} is locked: the key of {key} is not loaded",
                    f"zfs load-key {key}, then zfs mount -a",
                )
            raise HostError(f"{name} is not mounted", f"zfs mount {name}")

    def networks(self) -> Networks:
        """All networks by name, and what is wrong with those that cannot be read."""
        return load_networks(self.host.fs)

    def need_root(self) -> None:
        """Raises HostError where the caller may not change the host."""
        if not self.host.simulated and not self.dry_run and os.geteuid() != 0:
            raise HostError("only root may do that", "run it as root")

    @staticmethod
    def new_op() -> str:
        """An operation's id."""
        return uuid.uuid4().hex

    def run(
        self, plan: Plan, *, journalled: bool = True, claimed: Callable[[], None] | None = None
    ) -> list[str]:
        """Run a plan, or show it; what went another way than it should. `claimed` is called
        once its first step is done."""
        if self.show is not None:
            self.show(plan)
            return []
        state = self.layout.state if journalled else None
        return self._executor(state).run(plan, after_first=claimed)

    def lock(self, kind: Kind, name: str, verb: str, *, shared: bool = False) -> Lock | None:
        """Take a lock and mend what a crash left of the thing it guards.

        Raises ConflictError where a guest is busy, StepError where it cannot be mended.
        """
        if self.dry_run:
            return None
        wait = GUEST_WAIT_SECONDS if kind == "guest" else WAIT_SECONDS
        lock = Lock(self.host.fs, kind, name).acquire(verb, wait=wait, shared=shared)
        try:
            if not shared and kind != "allocation":
                self.mend(kind, name)
        except BaseException:
            lock.release()
            raise
        return lock

    @contextlib.contextmanager
    def locked(self, kind: Kind, name: str, verb: str, *, shared: bool = False) -> Iterator[None]:
        lock = self.lock(kind, name, verb, shared=shared)
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
    ) -> Iterator[None]:
        """Nobody takes these networks, releases and so on away meanwhile; what a crash left of
        the making of one is mended first, since recovery might take it away later."""
        wanted: list[tuple[Kind, str]] = [("network", name) for name in sorted(set(networks))]
        wanted += [("release", name) for name in sorted(set(releases))]
        wanted += [("image", name) for name in sorted(set(images))]
        wanted += [("media", name) for name in sorted(set(media))]
        with contextlib.ExitStack() as stack:
            for kind, name in wanted:
                self.settle(kind, name, verb)
                stack.enter_context(self.locked(kind, name, verb, shared=True))
            yield

    def settle(self, kind: Kind, name: str, verb: str) -> None:
        """Mend what was cut short of one thing, if anything was."""
        if name in self.pending(kind):
            with self.locked(kind, name, verb):
                pass

    def pending(self, kind: Kind) -> set[str]:
        """What has a journal: an operation under way, or one cut short. No command."""
        every = journal.subjects(self.host.fs, self.layout.state)
        return {name for found, name, _ in every if found == kind}

    def mend(self, kind: Kind, name: str) -> int:
        """Finish or undo what was cut short; the caller has the lock. How many there were."""
        mended = 0
        for found_kind, found_name, path in journal.subjects(self.host.fs, self.layout.state):
            if (found_kind, found_name) != (kind, name):
                continue
            entry = journal.read(self.host.fs, path)
            if entry is None:
                continue
            with self._locks_besides(kind, name, entry):
                # Whoever had one of those may have mended it.
                entry = journal.read(self.host.fs, path)
                if entry is not None:
                    self._recover(entry)
                    mended += 1
        return mended

    @contextlib.contextmanager
    def _locks_besides(self, kind: Kind, name: str, entry: journal.Entry) -> Iterator[None]:
        """The locks of whatever else the operation was about."""
        others = {entry.plan.subject, *entry.plan.also} - {name}
        with contextlib.ExitStack() as stack:
            for other in sorted(others):
                lock = Lock(self.host.fs, kind, other)
                stack.enter_context(lock.acquire(f"mend {name}", wait=GUEST_WAIT_SECONDS))
            yield

    def _recover(self, entry: journal.Entry) -> None:
        from bsdvirt.plan.recover import recover

        plan = entry.plan
        about = (plan.op, plan.verb, plan.subject)
        self.sink(events.Warned(*about, f"mending {plan.verb} {plan.subject}, cut short"))
        with self.interrupt.shielded():
            recover(self.host, entry, lambda do, why: self.sink(events.Undone(*about, do, why)))
