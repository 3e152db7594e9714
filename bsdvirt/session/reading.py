"""What a command reads: the host, its configuration, and what is there."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from bsdvirt.errors import HostError, NotFoundError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.pools import Pools, found_in, need_first, own_id, read_pools
from bsdvirt.host.ahead import Ahead
from bsdvirt.host.base import Host
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.layout import HOST_FILE, Layout
from bsdvirt.plan import events
from bsdvirt.plan.events import Sink
from bsdvirt.plan.locks import Kind
from bsdvirt.plan.pending import subjects
from bsdvirt.session.draws import Draws
from bsdvirt.spec.digits import uuid_of
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.spec.load import load_hostfile
from bsdvirt.zfs import Dataset, Zfs, open_listing, open_zfs

Signature = tuple[int, int, int]
"""What differs once a file was written: its time, size and inode."""

if TYPE_CHECKING:
    from bsdvirt.cpu.topology import Topology
    from bsdvirt.facts.host import Kernel
    from bsdvirt.net.files import Networks
    from bsdvirt.plan.step import Kind as Subject
    from bsdvirt.plan.step import Plan
    from bsdvirt.spec.guest import GuestSpec


class Reading(Struct, dict=True):
    """The host, as one command reads it."""

    host: Host
    interrupt: Interrupt = field(default_factory=Interrupt)
    sink: Sink = events.ignore
    preview: bool = False
    """Nothing is run: no lock is taken, nothing is recovered, and plans are reported only."""
    shows: bool = False
    """It only shows what is there: the host file may have datasets listed by py-libzfs."""
    draws: Draws = field(default_factory=Draws)
    """Where the random parts of plans come from."""
    homes: dict[str, Layout] = field(default_factory=dict)
    """The pool of each guest, by the last inventory."""
    unready: dict[str, HostError] | None = None
    """The directories of journals in which nothing may be written, by the last inventory; None
    before the first."""
    topology: Topology | None = None
    """How the host's CPUs are connected, once it was read: that changes with a reboot only."""
    specs: dict[str, tuple[Signature, GuestSpec | None]] = field(default_factory=dict)
    """What the files of guests say, for what looks at those of all guests."""

    named: tuple[str, ...] = ()
    """Guests that the user has named, and that the next inventory is to have."""

    def __post_init__(self) -> None:
        if not isinstance(self.host, Ahead):
            self.host = Ahead(self.host)

    @property
    def ahead(self) -> Ahead:
        """The host, of which a plan reads its facts ahead."""
        assert isinstance(self.host, Ahead)
        return self.host

    def planned(self, plan: Plan) -> None:
        """Report a plan that is not run."""
        self.sink(events.Planned(plan.op, plan.verb, plan.subject, plan))

    @cached_property
    def hostfile(self) -> HostFile:
        """Raises HostError before `init`, UsageError for what is wrong in the file."""
        try:
            text = self.host.fs.read_text(HOST_FILE)
        except FileNotFoundError:
            raise HostError(
                f"{HOST_FILE} does not exist: this host is not set up",
                "bsdvirt init --pool POOL",
            ) from None
        except OSError as error:
            raise HostError(f"{HOST_FILE}: {error.strerror}", "run as root") from error
        return load_hostfile(text, HOST_FILE)

    def use(self, hostfile: HostFile) -> None:
        """Use this as the host file, before it is written."""
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
                f"no pool {word}; available: {known}",
                f"bsdvirt pool add {word}, if it is a dataset",
            )
        return found

    @cached_property
    def zfs(self) -> Zfs:
        if self.shows and self.hostfile.zfs.backend == "libzfs":
            return open_listing(
                self.host, lambda text: self.sink(events.Warned("", "list", "zfs", text))
            )
        return open_zfs(self.host)

    @cached_property
    def kernel(self) -> Kernel:
        """The features of the kernel, which change with a reboot."""
        from bsdvirt.facts.host import read_kernel

        return read_kernel(self.host)

    @property
    def parallel(self) -> int:
        """How many guests to work on at once."""
        return self.hostfile.parallel or max(2, os.cpu_count() or 1)

    def inventory(self, *, shallow: bool = False) -> Inventory:
        """Read the datasets; `shallow` leaves out those below guests/<name>, and is one
        command. Raises HostError if the first pool's mount point is not the one that the
        host file says; what is wrong with another pool is in `absent`. Raises as
        Inventory.guest does for one that the user has named."""
        listed = self.zfs.shallow if shallow else self.zfs.datasets
        what = ("inventory", shallow, self.pools.layouts)
        found = self.ahead.keep(what, lambda: found_in(self.pools, listed, self.host_id))
        self.unready = unready(found)
        self.homes = {name: found.home(name) for name in (*found.guests, *found.foreign)}
        need_first(found)
        named, self.named = self.named, ()
        for name in named:
            found.guest(name)
        return found

    @cached_property
    def host_id(self) -> str:
        """Return the host's UUID, as in the identities of guests; "" if the kernel has none."""
        return own_id(self.host)

    def need_mounted(self, found: Inventory, layout: Layout | None = None) -> None:
        """Raises HostError if a pool (the first, if none is named) is not mounted as it
        is to be: see need_mounted below."""
        need_mounted(found, layout or found.layout, named=layout is not None)

    def networks(self) -> Networks:
        """Read all networks, and what is wrong with those that cannot be read."""
        # Imported here: listing guests reads no network's file.
        from bsdvirt.net.files import load_networks

        return load_networks(self.host.fs)

    @staticmethod
    def new_op() -> str:
        """Return the id of another operation."""
        return uuid_of(os.urandom(16)).replace("-", "")

    def pending(self, kind: Kind) -> set[str]:
        """Return the objects that have a journal: of an operation under way, or cut short."""
        return {name for found, name, _ in self.journals() if found == kind}

    def journals(self) -> list[tuple[Subject, str, str]]:
        """What has a journal on any pool: kind, name, and the file's path."""
        every = (subjects(self.host.fs, one.state) for one in self.pools.layouts)
        return [found for state in every for found in state]


# Datasets that are not mounted where they belong: files written into the directory below, the
# journal above all, would be hidden by a later mount.

NEEDED = ("state", "guests")
"""The datasets of a pool that must be mounted for any change."""


def need_mounted(found: Inventory, layout: Layout, *, named: bool = True) -> None:
    """Raises HostError, with the remedy, if a pool's dataset, its `state` or its `guests` is not
    mounted where it belongs."""
    for absent in found.absent:
        if named and absent.name == layout.named:
            raise HostError(f"pool {absent.name}: {absent.why}", absent.hint)
    _check(found.top(layout))
    known = {dataset.name: dataset for dataset in found.datasets}
    for child in NEEDED:
        name, place = f"{layout.dataset}/{child}", f"{layout.mountpoint}/{child}"
        dataset = known.get(name)
        if dataset is None:
            pool = layout.dataset.split("/")[0]
            made = f"pool add {layout.dataset}" if layout.named else f"init --pool {pool}"
            raise HostError(f"{name} does not exist", f"bsdvirt {made}")
        if dataset.mountpoint != place:
            raise HostError(
                f"the mount point of {name} is {dataset.mountpoint}, not {place}",
                f"zfs inherit mountpoint {name}",
            )
        _check(dataset)


def unready(found: Inventory) -> dict[str, HostError]:
    """The directories of journals in which nothing is to be written, and why."""
    wrong: dict[str, HostError] = {}
    for layout in found.layouts:
        try:
            need_mounted(found, layout)
        except HostError as error:
            wrong[layout.state] = error
    return wrong


def _check(dataset: Dataset) -> None:
    if dataset.mounted:
        return
    name = dataset.name
    if dataset.locked:
        key = dataset.encryption_root or name
        raise HostError(
            f"{name} is locked: the key of {key} is not loaded",
            f"zfs load-key {key}, then zfs mount -a",
        )
    raise HostError(f"{name} is not mounted", f"zfs mount {name}")
