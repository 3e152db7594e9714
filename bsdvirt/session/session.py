"""One use of bsdvirt: the host, its configuration, its locks, its executor."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from bsdvirt.errors import HostError, NotFoundError
from bsdvirt.guest.inventory import Inventory, inventory
from bsdvirt.guest.pools import Absent, Pools, read_pools
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.host.private import keep_private
from bsdvirt.layout import HOST_FILE, RUN_DIRECTORY, Layout
from bsdvirt.net.files import Networks, load_networks
from bsdvirt.plan import events, journal
from bsdvirt.plan.events import Sink
from bsdvirt.plan.locks import WAIT_SECONDS, Kind, Lock
from bsdvirt.plan.step import Kind as Subject
from bsdvirt.plan.step import Plan
from bsdvirt.session.draws import Draws
from bsdvirt.session.mounted import need_mounted, unready
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.spec.load import load_hostfile
from bsdvirt.zfs import Zfs, open_listing, open_zfs

if TYPE_CHECKING:
    from bsdvirt.plan.execute import Executor

ENDS = ("stop", "clean")
"""The verbs of plans that are possible without a journal while its dataset is not mounted."""
GUEST_WAIT_SECONDS = 0.3
"""A guest's lock is not waited for; this only outlasts another's glance at it."""


@dataclass
class Session:
    """What every operation works with. With `show`, plans are shown and not run: no
    lock is taken and nothing is repaired."""

    host: Host
    interrupt: Interrupt = field(default_factory=Interrupt)
    sink: Sink = events.ignore
    show: Callable[[Plan], None] | None = None
    shows: bool = False
    """It only shows what is there: the host file may have datasets listed by py-libzfs."""
    stopped: frozenset[str] = frozenset()
    """Guests that are taken for stopped, where a start is planned before it is their turn."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """Directories that hold what the roots of guests that are not made yet will."""
    homes: dict[str, Layout] = field(default_factory=dict)
    """The pool of each guest, by the last inventory."""

    draws: Draws = field(default_factory=Draws)
    """Where the random parts of plans come from."""
    boot_from: str = ""
    """The drive or disk that virtual machines which are started boot from this once."""
    unready: dict[str, HostError] | None = None
    """The journals' directories in which nothing is to be written, as the last inventory
    found it; None before the first."""

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

    def use(self, hostfile: HostFile) -> None:
        """Take this for the host file: it is about to be written."""
        self.__dict__["hostfile"] = hostfile

    @cached_property
    def pools(self) -> Pools:
        """All pools that guests are on; the first is the one that the host file names."""
        first = Layout(str(self.hostfile.dataset), str(self.hostfile.mountpoint))
        return read_pools(self.host.fs, first)

    def forget_pools(self) -> None:
        """Read the pools' files again at the next use."""
        self.__dict__.pop("pools", None)

    @property
    def layout(self) -> Layout:
        """The layout of the first pool."""
        return self.pools.first

    def pool(self, word: str) -> Layout:
        """Return the pool of that name or dataset. Raises NotFoundError."""
        found = self.pools.named(word)
        if found is None:
            known = ", ".join(one.dataset for one in self.pools.layouts)
            raise NotFoundError(
                f"no pool {word}; there is {known}", f"bsdvirt pool add {word}, if it is a dataset"
            )
        return found

    @cached_property
    def _executor(self) -> Callable[[str | None], Executor]:
        # Imported when something is to be done: reading verbs need none of it.
        from bsdvirt.plan.execute import Executor
        from bsdvirt.plan.fault import Faults

        faults = Faults()
        return lambda state: Executor(self.host, state, self.sink, self.interrupt, faults)

    def prepare(self) -> None:
        """Load what changes are made with, before several threads ask for it. What we keep
        under /var/run is for root alone."""
        _ = self._executor
        keep_private(self.host.fs, RUN_DIRECTORY)

    @cached_property
    def zfs(self) -> Zfs:
        if self.shows and self.hostfile.zfs.backend == "libzfs":
            return open_listing(
                self.host, lambda text: self.sink(events.Warned("", "list", "zfs", text))
            )
        return open_zfs(self.host)

    @property
    def parallel(self) -> int:
        """How many guests to work on at once."""
        return self.hostfile.parallel or max(2, os.cpu_count() or 1)

    def inventory(self, *, shallow: bool = False) -> Inventory:
        """What is there now; `shallow` leaves out what lies beneath guests/<name>, and is one
        command. Raises HostError if the first pool's mount point is not the one that the
        host file says; what is wrong with another pool is in `absent`."""
        found = self._found(shallow)
        self.unready = unready(found)
        self.homes = {name: found.home(name) for name in (*found.guests, *found.foreign)}
        top = found.datasets[0]
        if top.mountpoint != self.layout.mountpoint:
            raise HostError(
                f"the mount point of {top.name} is {top.mountpoint}, but {HOST_FILE} says"
                f" {self.layout.mountpoint}",
                "correct `mountpoint` there",
            )
        return found

    def _found(self, shallow: bool) -> Inventory:
        first, *others = self.pools.layouts
        listed = self.zfs.shallow if shallow else self.zfs.datasets
        datasets = listed(first.dataset, *(other.dataset for other in others))
        tops = {dataset.name: dataset for dataset in datasets}
        there: list[Layout] = []
        absent = list(self.pools.broken)
        for other in others:
            top = tops.get(other.dataset)
            if top is None:
                pool = other.dataset.split("/")[0]
                why, hint = f"{other.dataset} is not there", f"zpool import {pool}"
            elif top.mountpoint != other.mountpoint:
                why = f"{top.name} is to be mounted at {top.mountpoint}, not {other.mountpoint}"
                hint = f"zfs set mountpoint={other.mountpoint} {top.name}"
            else:
                there.append(other)
                continue
            absent.append(Absent(other.name, why, hint))
        return inventory(first, datasets, there, absent, self.host_id)

    @cached_property
    def host_id(self) -> str:
        """What guests' identities say this host is; "" where the kernel says nothing."""
        try:
            told = self.host.host_id()
        except OSError:
            # Where the caller may not read what was noted of this boot.
            told = self.host.run((tools.SYSCTL, "-n", "kern.hostuuid"), changes=False).stdout
        told = told.strip().lower()
        return "" if set(told) <= set("0-") else told

    def need_mounted(self, found: Inventory, layout: Layout | None = None) -> None:
        """Raises HostError if a pool (the first, if none is named) is not mounted as it
        is to be: see session/mounted.py."""
        need_mounted(found, layout or found.layout, named=layout is not None)

    def networks(self) -> Networks:
        """All networks by name, and what is wrong with those that cannot be read."""
        return load_networks(self.host.fs)

    def need_root(self) -> None:
        """Raises HostError where the caller may not change the host."""
        if not self.dry_run and os.geteuid() != self.host.owner_uid:
            raise HostError("only root may do that", "run it as root")

    @staticmethod
    def new_op() -> str:
        """An operation's id."""
        return uuid.uuid4().hex

    def run(
        self,
        plan: Plan,
        *,
        journalled: bool = True,
        claimed: Callable[[], None] | None = None,
        home: Layout | None = None,
    ) -> list[str]:
        """Run a plan, or show it; what went another way than it should. `claimed` is called
        once its first step is done. Its journal is in `home`: the guest's own pool, or the
        first, where none is named."""
        if self.show is not None:
            self.show(plan)
            return []
        if home is None:
            home = self.homes.get(plan.subject) if plan.kind == "guest" else None
        state = (home or self.layout).state if journalled else None
        if state and not plan.empty and (error := self._not_mounted(state)) is not None:
            if plan.verb not in ENDS:
                raise error
            text = f"{error.message}; going on without a journal"
            self.sink(events.Warned(plan.op, plan.verb, plan.subject, text))
            state = None
        return self._executor(state).run(plan, after_first=claimed)

    def _not_mounted(self, state: str) -> HostError | None:
        if self.unready is None:
            self.inventory(shallow=True)
        return (self.unready or {}).get(state)

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
        if self.dry_run:
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
    def destroying(self, kind: Kind, name: str, verb: str) -> Iterator[None]:
        """The lock of a thing for its end: what was cut short of it and cannot be mended does
        not hinder that, and is moot afterwards, or where the thing is not there any more."""
        with self.locked(kind, name, verb, gives_way=True):
            try:
                yield
            except NotFoundError:
                self.supersede(kind, name)
                raise
            self.supersede(kind, name)

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

    def pending(self, kind: Kind) -> set[str]:
        """What has a journal: an operation under way, or one cut short. No command."""
        return {name for found, name, _ in self.journals() if found == kind}

    def journals(self) -> list[tuple[Subject, str, str]]:
        """What has a journal on any pool: kind, name, and the file's path."""
        every = (journal.subjects(self.host.fs, one.state) for one in self.pools.layouts)
        return [found for state in every for found in state]

    def mend(self, kind: Kind, name: str, *, gives_way: bool = False) -> int:
        """Finish or undo what was cut short; the caller has the lock. See session/recovery.py."""
        if name not in self.pending(kind):
            return 0
        from bsdvirt.session import recovery

        return recovery.mend(self, kind, name, gives_way=gives_way)

    def supersede(self, kind: Kind, name: str) -> None:
        """What was cut short of a thing that is destroyed now is moot."""
        if name in self.pending(kind):
            from bsdvirt.session import recovery

            recovery.supersede(self, kind, name)
