"""The rows of `pool usage`: one `zfs get` for the guests, one `zfs list`, `zpool list` and
`zpool status`, whatever the number of guests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.guest.inventory import Inventory
from bsdvirt.layout import Layout
from bsdvirt.ops.pools import entries
from bsdvirt.rows.storage import DatasetRow, OwnerRow, StorageRow, ZpoolRow
from bsdvirt.session.session import Session
from bsdvirt.zfs.space import PoolSpace, PoolStatus, Space, read_pools, read_space, read_status

GUESTS = frozenset({"jail", "vm", "foreign", "stray"})
LIBRARY = frozenset({"release", "image", "media"})
OF_CHILD = {"guests": "stray", "releases": "release", "images": "image"}
"""What a dataset below a child of a pool's dataset is, if nothing else is known of it."""


class Owner(Struct):
    """The datasets of one owner, the topmost first."""

    kind: str
    name: str
    why: str = ""
    whole: bool = True
    """Whether all below its first dataset is its."""
    spaces: list[Space] = field(default_factory=list)


def storage(session: Session) -> StorageRow:
    """Return the pools that guests are on, and what takes their space."""
    found = session.inventory(shallow=True)
    names = list(dict.fromkeys(zpool_of(layout.dataset) for layout in found.layouts))
    spaces = read_space(session.host, names)
    owners = sorted(
        (_row(owner) for owner in owners_of(spaces, found)),
        key=lambda row: (-row.used, row.kind, row.name),
    )
    known = {pool.name: pool for pool in read_pools(session.host)}
    told = read_status(session.host)
    zpools = [
        _pool(known[name], told.get(name, PoolStatus()), found.layouts, owners)
        for name in names
        if name in known
    ]
    return StorageRow(zpools=zpools, pools=entries(session, found), owners=owners)


def zpool_of(dataset: str) -> str:
    """Return the zpool of a dataset."""
    return dataset.split("/")[0]


def owners_of(spaces: Iterable[Space], found: Inventory) -> list[Owner]:
    """Return who owns these datasets, sorted by name."""
    owners: dict[str, Owner] = {}
    whys = {dataset.name: why for dataset, why in found.strays}
    for space in spaces:
        top, kind, name = _place(space.name, found.layouts)
        owner = owners.get(top)
        if owner is None:
            owner = owners[top] = _owner(top, kind, name, found, whys)
        owner.spaces.append(space)
    return list(owners.values())


def _place(name: str, layouts: Sequence[Layout]) -> tuple[str, str, str]:
    """Return the topmost dataset of the owner of a dataset, what the owner is, and its name."""
    for layout in layouts:
        if name == layout.dataset:
            return layout.dataset, "bsdvirt", layout.dataset
        if name.startswith(f"{layout.dataset}/"):
            return _ours(name, layout)
    parts = name.split("/")
    for count in range(1, len(parts) + 1):
        top = "/".join(parts[:count])
        if not any(layout.dataset.startswith(f"{top}/") for layout in layouts):
            return top, "other", top
    # It is above one of ours: what is in it directly is its own.
    return name, "above", name


def _ours(name: str, layout: Layout) -> tuple[str, str, str]:
    child, _, below = name.removeprefix(f"{layout.dataset}/").partition("/")
    top = f"{layout.dataset}/{child}"
    if child in OF_CHILD and below:
        owner = below.split("/")[0]
        return f"{top}/{owner}", OF_CHILD[child], owner
    if child in OF_CHILD or child == "state":
        return layout.dataset, "bsdvirt", layout.dataset
    return top, "media" if child == "media" else "other", top


def _owner(top: str, kind: str, name: str, found: Inventory, whys: Mapping[str, str]) -> Owner:
    if kind == "above":
        return Owner("other", name, whole=False)
    if kind == "bsdvirt":
        return Owner(kind, name, whole=False)
    if kind != "stray":
        return Owner(kind, name)
    guest, foreign = found.guests.get(name), found.foreign.get(name)
    if guest is not None and guest.dataset == top:
        return Owner(guest.identity.kind, name)
    if foreign is not None and foreign.dataset == top:
        return Owner("foreign", name, foreign.why)
    return Owner(kind, top, whys.get(top, ""))


def _row(owner: Owner) -> OwnerRow:
    first, *below = owner.spaces
    used = first.used if owner.whole else sum(space.own for space in owner.spaces)
    sizes = [space.volsize for space in owner.spaces if space.volsize is not None]
    # Of what is not ours, one line is enough: it may be thousands of datasets.
    shown = owner.spaces if owner.kind != "other" else [first]
    return OwnerRow(
        zpool=zpool_of(first.name),
        kind=owner.kind,
        name=owner.name,
        used=used,
        snapshots=sum(space.snapshots for space in owner.spaces),
        reserved=sum(space.reserved for space in owner.spaces),
        referenced=sum(space.referenced for space in owner.spaces),
        volsize=sum(sizes) if sizes else None,
        quota=first.quota or (None if below else first.refquota),
        compressratio=first.compressratio,
        why=owner.why,
        datasets=[_dataset(space) for space in shown],
    )


def _dataset(space: Space) -> DatasetRow:
    return DatasetRow(
        name=space.name, kind=space.kind, used=space.used, data=space.data,
        snapshots=space.snapshots, children=space.children, reserved=space.reserved,
        available=space.available, referenced=space.referenced, volsize=space.volsize,
        quota=space.quota, refquota=space.refquota, reservation=space.reservation,
        refreservation=space.refreservation, compressratio=space.compressratio,
        origin=space.origin,
    )  # fmt: skip


def _pool(
    pool: PoolSpace, status: PoolStatus, layouts: Sequence[Layout], owners: Sequence[OwnerRow]
) -> ZpoolRow:
    here = [owner for owner in owners if owner.zpool == pool.name]
    guests = sum(owner.used for owner in here if owner.kind in GUESTS)
    library = sum(owner.used for owner in here if owner.kind in LIBRARY)
    return ZpoolRow(
        name=pool.name, size=pool.size, allocated=pool.allocated, free=pool.free,
        capacity=pool.capacity, fragmentation=pool.fragmentation, health=pool.health,
        scan=status.scan, errors=status.errors,
        datasets=[one.dataset for one in layouts if zpool_of(one.dataset) == pool.name],
        guests=guests, library=library,
        other=sum(owner.used for owner in here) - guests - library,
    )  # fmt: skip
