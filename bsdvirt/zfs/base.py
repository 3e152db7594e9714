"""The interface to ZFS: facts as structs. Changes are steps that run zfs(8)."""

from __future__ import annotations

from bsdvirt.record import Record

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol
else:
    Protocol = object


SWAP = "org.freebsd:swap"
"""The user property by which the host's rc.d/zvol takes a volume for swap at boot, whoever has set
it: a jail may, in a dataset that it is given, and whatever the host's memory holds would be written
there."""


class Dataset(Record):
    """A file system or a volume. Sizes are in bytes; None where ZFS prints `-`."""

    name: str
    kind: str
    """filesystem or volume"""
    used: int
    available: int
    referenced: int
    origin: str | None = None
    mountpoint: str | None = None
    """Mount point. Not read beneath guests/<name>, where a jail may set it."""
    mounted: bool = False
    volsize: int | None = None
    guest: str | None = None
    """Local value of bsdvirt:guest; not read beneath guests/<name>."""
    op: str | None = None
    """Local value of bsdvirt:op: an operation in progress, or unfinished. Not read beneath
    guests/<name>."""
    jailed: bool = False
    """Only a jail may mount it."""
    locked: bool = False
    """It is encrypted, and its key is not loaded."""
    encryption_root: str | None = None
    """Dataset whose key it is encrypted with."""
    replica: str | None = None
    """Local value of bsdvirt:replica; not read beneath guests/<name>."""
    received: str | None = None
    """Value of bsdvirt:guest received by `zfs receive`: written by another host."""

    @property
    def parent(self) -> str:
        return self.name.rpartition("/")[0]


class Pool(Record):
    """A zpool. Sizes are in bytes."""

    name: str
    size: int
    free: int
    health: str


def in_order(datasets: Iterable[Dataset], roots: Sequence[str]) -> list[Dataset]:
    """Return the datasets below each root, in the order of the roots, sorted by name; each once,
    even if roots are given twice or contain one another."""
    found = sorted(datasets, key=lambda dataset: dataset.name)
    every = (d for root in roots for d in found if f"{d.name}/".startswith(f"{root}/"))
    return list({dataset.name: dataset for dataset in every}.values())


class Zfs(Protocol):
    """The facts. Implementations raise HostError if ZFS is not available, and NotFoundError for a
    dataset or pool that does not exist."""

    def datasets(self, root: str, *others: str) -> list[Dataset]:
        """Return `root` and all file systems and volumes below it, sorted by name, then those of
        `others`: two commands. Missing `others` are left out."""

    def shallow(self, root: str, *others: str) -> list[Dataset]:
        """As `datasets`, to a depth of two below each, which is guests/<name>: one command."""

    def snapshots(self, dataset: str) -> list[str]:
        """Return the full names of the snapshots of `dataset` and of those below it."""

    def clones(self, snapshot: str) -> list[str]:
        """Return the clones of a snapshot; none if it does not exist."""

    def pools(self) -> list[Pool]:
        """Return the imported pools."""

    def local(self, dataset: str, name: str) -> str | None:
        """Return the local value of a property; None also if the dataset does not exist."""

    def locals(self, root: str, name: str) -> dict[str, str]:
        """Return the local values of a property, by dataset, of `root` and its children."""
