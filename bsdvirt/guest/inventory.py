"""The guests of this host: one listing of datasets, and the kernel's jails. Pure but
for the reading of a guest's own file."""

from __future__ import annotations

from bsdvirt.errors import BsdvirtError, ConflictError, HostError, NotFoundError
from bsdvirt.record import Record
from bsdvirt.spec.digits import is_guest_name

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bsdvirt.facts.jls import JailFact
    from bsdvirt.host.fs import Fs
    from bsdvirt.layout import Layout
    from bsdvirt.spec.guest import GuestSpec
    from bsdvirt.spec.identity import Identity
    from bsdvirt.zfs.base import Dataset

    ReadIdentity = Callable[[str], Identity]
    """Returns the identity in a value of bsdvirt:guest. Raises UsageError."""

_STAYS = ('{"role":"source",', '{"role":"source"}')
"""How the bsdvirt:replica begins of a guest that is this host's: it is written so."""


class Guest(Record):
    """A guest as its dataset tells it."""

    name: str
    layout: Layout
    identity: Identity
    datasets: tuple[Dataset, ...] = ()
    """guests/<name> and all beneath it."""

    @property
    def dataset(self) -> str:
        """The dataset guests/<name>, with its file."""
        return self.layout.guest(self.name)

    @property
    def root(self) -> str:
        """The directory that a jail of it has as its root: one of the user's, where it was
        made with that, else the dataset beneath its own."""
        own = self.identity.root
        return str(own) if own else self.layout.jail_root_directory(self.name)

    @property
    def locked(self) -> str:
        """The dataset whose key is to be loaded before the guest can start; "" for none."""
        return next((d.encryption_root or d.name for d in self.datasets if d.locked), "")

    @property
    def given(self) -> bool:
        """Whether another host has it now: spec/replica.py. What cannot be read may say so."""
        text = self.datasets[0].replica if self.datasets else None
        return bool(text) and not (text or "").startswith(_STAYS)

    @property
    def used(self) -> int:
        """Bytes of the pool, with all beneath."""
        return self.datasets[0].used if self.datasets else 0


class Foreign(Record):
    """A guest that came from elsewhere and was not adopted: nothing that it says of itself
    holds here. It is shown, destroyed or adopted, and takes part in nothing else."""

    name: str
    layout: Layout
    why: str
    datasets: tuple[Dataset, ...]
    """guests/<name> and all beneath it."""
    told: Identity | None = None
    """What it was elsewhere, where that can be read."""

    @property
    def dataset(self) -> str:
        return self.layout.guest(self.name)

    def as_guest(self) -> Guest:
        """What destroying it needs of a guest: its datasets, and none of its claims."""
        from bsdvirt.spec.identity import Identity

        return Guest(self.name, self.layout, Identity(id=0, uuid="", kind="jail"), self.datasets)


class Absent(Record):
    """A pool whose guests cannot be seen now: why, and what to do."""

    name: str
    why: str
    hint: str

    @property
    def message(self) -> str:
        return f"pool {self.name}: {self.why}: its guests are missing"


class Inventory(Record):
    """All guests by name, and the datasets in guests/ that are no guest's."""

    layout: Layout
    """The layout of the first pool."""
    guests: Mapping[str, Guest]
    strays: tuple[tuple[Dataset, str], ...]
    """Datasets in a guest's place that are no guest, and why: no identity, an unreadable one, or
    the name of a guest on another pool."""
    datasets: tuple[Dataset, ...]
    """All datasets of the pools, the first pool's first."""
    others: tuple[Layout, ...] = ()
    """The other pools that are present."""
    absent: tuple[Absent, ...] = ()
    """The pools that are not."""
    foreign: Mapping[str, Foreign] = {}
    """The guests that came from elsewhere, by name."""

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layouts of all pools that are present."""
        return (self.layout, *self.others)

    def guest(self, name: str) -> Guest:
        """Raises NotFoundError with what is near, ConflictError for one that is foreign."""
        if name in self.foreign:
            raise ConflictError(
                f"{name} is foreign: {self.foreign[name].why}",
                f"bsdvirt info {name} shows what it asks for; to make it this host's:"
                f" bsdvirt adopt {name}",
            )
        if name not in self.guests:
            hint = _near(name, self.guests)
            if self.absent:
                hint += "; or it is on a pool that is missing: " + ", ".join(
                    pool.name for pool in self.absent
                )
            raise NotFoundError(f"no guest {name}", hint)
        return self.guests[name]

    def home(self, name: str) -> Layout:
        """Return the pool that a guest is on; for an unknown name, the first."""
        guest: Guest | Foreign | None = self.guests.get(name) or self.foreign.get(name)
        return guest.layout if guest else self.layout

    def top(self, layout: Layout) -> Dataset:
        """Return the dataset of a pool. Raises NotFoundError."""
        for dataset in self.datasets:
            if dataset.name == layout.dataset:
                return dataset
        raise NotFoundError(
            f"pool {layout.name}: {layout.dataset} does not exist",
            f"zpool import {layout.dataset.split('/')[0]}",
        )

    def releases(self, layout: Layout | None = None) -> list[Dataset]:
        """Return the releases on a pool; on the first, if none is named."""
        prefix = f"{(layout or self.layout).dataset}/releases/"
        return [d for d in self.datasets if _is_child(d.name, prefix)]


def inventory(
    layout: Layout,
    datasets: Iterable[Dataset],
    others: Sequence[Layout] = (),
    absent: Sequence[Absent] = (),
    host: str = "",
    read: ReadIdentity | None = None,
) -> Inventory:
    """Sort the datasets of the pools into guests, foreign guests and strays. Of two guests with
    one name, that on the earlier pool keeps it. `host` is this host's id. `read` reads
    identities."""
    if read is None:
        from bsdvirt.spec.load import identity_from_json

        read = identity_from_json
    every = tuple(datasets)
    guests: dict[str, Guest] = {}
    foreign: dict[str, Foreign] = {}
    strays: list[tuple[Dataset, str]] = []
    for pool in (layout, *others):
        for name, family in _families(pool, every).items():
            known = guests.get(name) or foreign.get(name)
            try:
                _check_place(family[0], name, known)
                if family[0].guest is None and family[0].received is not None:
                    foreign[name] = _received(name, pool, family, read)
                    continue
                identity = _identity(family[0], read)
            except BsdvirtError as error:
                strays.append((family[0], error.message))
                continue
            if why := _elsewhere(identity, pool, host):
                foreign[name] = Foreign(name, pool, why, tuple(family), identity)
            else:
                guests[name] = Guest(name, pool, identity, tuple(family))
    return Inventory(layout, guests, tuple(strays), every, tuple(others), tuple(absent), foreign)


def _check_place(dataset: Dataset, name: str, known: Guest | Foreign | None) -> None:
    """Raises ConflictError and HostError for what cannot be a guest."""
    if not is_guest_name(name):
        raise HostError("its name is not a valid guest name")
    if dataset.kind != "filesystem":
        raise HostError(f"it is a {dataset.kind}")
    if known is not None:
        raise ConflictError(f"there is a guest {name} in {known.layout.dataset} already")


def _received(name: str, pool: Layout, family: Sequence[Dataset], read: ReadIdentity) -> Foreign:
    """One that came with `zfs receive`."""
    try:
        told = read(family[0].received or "")
    except BsdvirtError:
        told = None
    return Foreign(name, pool, "it came with zfs receive", tuple(family), told)


def _elsewhere(identity: Identity, pool: Layout, host: str) -> str:
    """Return why an identity belongs to another host: a pool may have been moved here. On the
    first pool, an old identity that names no host is this host's."""
    if not host or identity.host == host or not (identity.host or pool.named):
        return ""
    return f"it is of host {identity.host}" if identity.host else "it names no host"


def _families(pool: Layout, datasets: Iterable[Dataset]) -> dict[str, list[Dataset]]:
    """Return the datasets beneath guests/ of a pool, by guest."""
    prefix = f"{pool.dataset}/guests/"
    families: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        if dataset.name.startswith(prefix):
            families.setdefault(dataset.name[len(prefix) :].split("/")[0], []).append(dataset)
    return families


def _identity(dataset: Dataset, read: ReadIdentity) -> Identity:
    if dataset.guest is None:
        raise HostError("it has no bsdvirt:guest property")
    return read(dataset.guest)


def load_guest_file(fs: Fs, layout: Layout, name: str) -> GuestSpec:
    """A guest's own file.

    Raises UsageError for what is wrong in it, HostError where it does not exist.
    """
    from bsdvirt.spec.load import load_guest

    return load_guest(guest_text(fs, layout, name), layout.guest_file(name))


def raw_has(fs: Fs, layout: Layout, name: str, words: str) -> bool:
    """Return whether a guest's file contains these words, valid or not."""
    try:
        return words.encode() in fs.read_bytes(layout.guest_file(name), follow=False)
    except OSError:
        return False


def guest_text(fs: Fs, layout: Layout, name: str) -> str:
    """What stands in a guest's own file. It may have come from elsewhere: no link is followed.

    Raises HostError where it does not exist, or is no file of text.
    """
    return text_at(fs, layout, name, layout.guest_file(name))


def text_at(fs: Fs, layout: Layout, name: str, path: str) -> str:
    """What stands in a file of a guest's dataset, now or in a snapshot. Raises as guest_text."""
    try:
        return fs.read_text(path, follow=False)
    except FileNotFoundError as error:
        hint = f"is {layout.guest(name)} mounted? zfs mount {layout.guest(name)}"
        raise HostError(f"{path}: {error.strerror}", hint) from error
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", "replace it with a text file") from error


def refuse_stray(found: Inventory, name: str) -> None:
    """Raises ConflictError if a dataset that is no guest has a guest's place on any pool."""
    if name in found.foreign:
        raise ConflictError(
            f"{found.foreign[name].dataset} belongs to a foreign guest",
            f"bsdvirt info {name} shows it",
        )
    places = {layout.guest(name) for layout in found.layouts}
    for stray, _ in found.strays:
        if stray.name in places:
            raise ConflictError(
                f"{stray.name} exists, and is not a guest", "run bsdvirt doctor for details"
            )


def need_unlocked(guest: Guest) -> None:
    """Raises HostError, with what to do, where the guest's data cannot be read."""
    if key := guest.locked:
        raise HostError(
            f"{guest.name} is locked: the key of {key} is not loaded",
            f"zfs load-key {key}, then zfs mount -a",
        )


def running_jail(guest: Guest, jails: Mapping[str, JailFact]) -> JailFact | None:
    """The kernel's jail of this guest: the name is not enough, its root is the guest's."""
    jail = jails.get(guest.name)
    return None if jail is None or jail.dying or jail.path != guest.root else jail


def foreign_jail(guest: Guest, jails: Mapping[str, JailFact]) -> JailFact | None:
    """A jail of that name that lives and is not this guest's."""
    jail = jails.get(guest.name)
    return None if jail is None or jail.dying or jail.path == guest.root else jail


def _is_child(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and "/" not in name[len(prefix) :]


def _near(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), 3)
    return f"did you mean {' or '.join(near)}?" if near else "bsdvirt ls lists the guests"
