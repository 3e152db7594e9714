"""What bsdvirt asks of ZFS: facts as plain dataclasses. Changes are zfs(8) steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Dataset:
    """A filesystem or a volume. Sizes in bytes; None where ZFS prints `-`."""

    name: str
    kind: str
    """filesystem or volume"""
    used: int
    available: int
    referenced: int
    origin: str | None = None
    mountpoint: str | None = None
    """Where it is to be mounted. Beneath guests/<name> it is not asked for: there it may be
    a jail's to say."""
    mounted: bool = False
    volsize: int | None = None
    guest: str | None = None
    """Its own (local) value of bsdvirt:guest; not asked for beneath guests/<name>."""
    op: str | None = None
    """Its own (local) value of bsdvirt:op: an operation under way, or cut short. Not asked
    for beneath guests/<name>."""
    jailed: bool = False
    """Only a jail may mount it."""
    locked: bool = False
    """It is encrypted, and its key is not loaded."""
    encryption_root: str | None = None
    """The dataset whose key it is encrypted with."""
    received: str | None = None
    """The value of bsdvirt:guest that came with `zfs receive`: another host's words."""

    @property
    def parent(self) -> str:
        return self.name.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool. Sizes in bytes."""

    name: str
    size: int
    free: int
    health: str


def in_order(datasets: Iterable[Dataset], roots: Sequence[str]) -> list[Dataset]:
    """The datasets of each root's tree, in the order of the roots, sorted by name; each once,
    where roots are named twice or lie in one another."""
    found = sorted(datasets, key=lambda dataset: dataset.name)
    every = (d for root in roots for d in found if f"{d.name}/".startswith(f"{root}/"))
    return list({dataset.name: dataset for dataset in every}.values())


class Zfs(Protocol):
    """The facts. Implementations raise HostError where ZFS cannot be asked, and
    NotFoundError for a dataset or pool that is not there."""

    def datasets(self, root: str, *others: str) -> list[Dataset]:
        """`root` and every filesystem and volume beneath it, sorted by name, and then so those
        of `others`, in two calls. Of `others`, what is not there is left out."""

    def shallow(self, root: str, *others: str) -> list[Dataset]:
        """As `datasets`, to a depth of two beneath each, which is guests/<name>: in one call."""

    def snapshots(self, dataset: str) -> list[str]:
        """The full names of the snapshots of `dataset` and of those beneath it."""

    def clones(self, snapshot: str) -> list[str]:
        """The datasets whose origin the snapshot is; none where there is no such snapshot."""

    def pools(self) -> list[Pool]:
        """The imported pools."""

    def local(self, dataset: str, name: str) -> str | None:
        """A property's own value, not an inherited one; None also where there is no dataset."""

    def locals(self, root: str, name: str) -> dict[str, str]:
        """A property's own values, by dataset, of `root` and what lies just beneath it."""
