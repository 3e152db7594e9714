"""View 4: who fills the pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bsdvirt.rows.host import PoolRow
from bsdvirt.rows.sizes import human_size
from bsdvirt.rows.storage import DatasetRow, OwnerRow, StorageRow, ZpoolRow
from bsdvirt.tui.actions.action import GUESTS, Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.model import Store
from bsdvirt.tui.feed.queries.pools import STORAGE
from bsdvirt.tui.views.asking import AskingView, key_of
from bsdvirt.tui.views.entries import HOST, Entry, column, guests_of, style_of
from bsdvirt.tui.widgets.table import Key
from bsdvirt.tui.widgets.tree import TreeTable

NUMBER = {"right": True, "descends": True}
COLUMNS = (
    column("name", "NAME", 22, grows=3),
    HOST,
    column("kind", "KIND", 8),
    column("used", "USED", 7, **NUMBER),
    column("share", "%", 4, **NUMBER),
    column("snapshots", "SNAPS", 6, rank=1, **NUMBER),
    column("volsize", "VOLSIZE", 7, rank=2, **NUMBER),
    column("limit", "LIMIT", 6, rank=3, **NUMBER),
    column("reserved", "RESERVED", 8, rank=5, **NUMBER),
    column("referenced", "REFER", 6, rank=4, **NUMBER),
    column("ratio", "RATIO", 5, rank=6, **NUMBER),
    column("origin", "ORIGIN", 14, grows=2, rank=7),
    column("why", "NOTE", 14, grows=3, rank=8),
)
DIM = frozenset({"bsdvirt", "other"})
ODD = frozenset({"stray", "foreign"})
WARN, FULL = 80, 90
"""Percent of a pool from which on it is shown as nearly full, and as full."""


class StorageView(AskingView):
    """Pools; each opens to what takes its space, and that to its datasets."""

    name_ = "storage"
    title = "Storage"
    digit = "4"
    interval = 5.0

    def make_table(self) -> TreeTable[Entry]:
        table = TreeTable(COLUMNS, sort="used", empty="no pools: n adds one")
        table.sort_by("used", reverse=True)
        return table

    async def ask(self, host: str) -> list[Entry]:
        desk = desk_of(self)
        return list(entries(desk.store, host, await desk.ask(host, STORAGE)))

    def to_open(self, rows: list[Entry], *, fits: bool) -> set[Key]:
        return {row.key for row in rows if row.parent is None}


def entries(store: Store, host: str, found: StorageRow) -> Iterator[Entry]:
    """Yield the rows of a host."""
    of_zpool: dict[str, list[PoolRow]] = {}
    for pool in found.pools:
        of_zpool.setdefault((pool.dataset or "").split("/")[0], []).append(pool)
    tops: dict[str, Entry] = {}
    find = guests_of(store, host)
    for zpool in found.zpools:
        tops[zpool.name] = top = _zpool(host, zpool, of_zpool.pop(zpool.name, []))
        yield top
    for pools in of_zpool.values():
        yield from (_absent(host, pool) for pool in pools)
    sizes = {zpool.name: zpool.size for zpool in found.zpools}
    for owner in found.owners:
        yield from _owner(find, tops.get(owner.zpool), host, owner, sizes.get(owner.zpool, 0))


def _zpool(host: str, zpool: ZpoolRow, pools: list[PoolRow]) -> Entry:
    # Of several on a zpool, one that can be removed: not the one that the host file names.
    pool = next((one for one in pools if not one.first), pools[0] if pools else None)
    name = pool.dataset or zpool.name if pool else zpool.name
    said = [one for one in (zpool.errors, zpool.scan) if one]
    said += [f"{one.dataset} is {one.state}" for one in pools if one.state != "mounted"]
    said.append(f"{human_size(zpool.free)} free")
    if zpool.fragmentation:
        said.append(f"{zpool.fragmentation}% fragmented")
    return Entry(
        key_of(host, "zpool", zpool.name),
        Subject(host, "pool", name, pool.state if pool else "", pool),
        {
            "name": zpool.name,
            "kind": zpool.health,
            "used": human_size(zpool.allocated),
            "share": f"{zpool.capacity}%",
            "limit": human_size(zpool.size),
            "why": "; ".join(said),
        },
        values={"used": zpool.allocated, "share": zpool.capacity, "limit": zpool.size},
        styles={
            "kind": style_of(zpool.health), "share": _fill(zpool.capacity),
            "why": "bad" if zpool.errors else "",
        },
    )  # fmt: skip


def _fill(percent: int) -> str:
    return "bad" if percent >= FULL else "warning" if percent >= WARN else ""


def _absent(host: str, pool: PoolRow) -> Entry:
    return Entry(
        key_of(host, "pool", pool.name),
        Subject(host, "pool", pool.name, pool.state, pool),
        {"name": pool.name, "kind": pool.state, "why": pool.why},
        styles={"kind": "bad"},
    )


def _owner(
    find: Callable[[str], Subject], top: Entry | None, host: str, owner: OwnerRow, size: int
) -> Iterator[Entry]:
    key = key_of(host, owner.zpool, owner.kind, owner.name)
    subject = _subject(find, host, owner)
    clones = {one.origin for one in owner.datasets if one.origin}
    style = "dim" if owner.kind in DIM else "warning" if owner.kind in ODD else ""
    yield Entry(
        key,
        subject,
        {
            "name": owner.name,
            "kind": owner.kind,
            "origin": " ".join(sorted(clones)),
            "why": owner.why,
            **_sizes(owner, size),
        },
        parent=top.key if top else None,
        values=_numbers(owner, size),
        styles={"kind": style, "name": style},
    )
    for dataset in owner.datasets:
        if len(owner.datasets) > 1:
            yield _dataset(host, key, subject, dataset, size)


def _subject(find: Callable[[str], Subject], host: str, owner: OwnerRow) -> Subject:
    if owner.kind in GUESTS or owner.kind == "foreign":
        return find(owner.name)
    if owner.kind in ("release", "image"):
        return Subject(host, owner.kind, owner.name, row=owner)
    return Subject(host, "dataset", owner.name, owner.kind, owner)


def _dataset(host: str, owner: Key, subject: Subject, dataset: DatasetRow, size: int) -> Entry:
    if subject.kind in GUESTS and dataset.kind == "volume":
        name = dataset.name.rpartition("/")[2]
        subject = Subject(host, "disk", f"{subject.name}:{name}", subject.state, dataset)
    return Entry(
        key_of(host, "dataset", dataset.name),
        subject,
        {
            "name": dataset.name.rpartition("/")[2],
            "kind": "zvol" if dataset.kind == "volume" else "dataset",
            "origin": dataset.origin or "",
            "why": dataset.name,
            **_sizes(dataset, size),
        },
        parent=owner,
        values=_numbers(dataset, size),
    )


def _numbers(row: OwnerRow | DatasetRow, size: int) -> dict[str, float | None]:
    """Return the numbers of a row by column; of a dataset, without those below it."""
    used = row.used - (row.children if isinstance(row, DatasetRow) else 0)
    return {
        "used": used,
        "share": 100 * used / size if size else None,
        "snapshots": row.snapshots,
        "volsize": row.volsize,
        "limit": row.quota,
        "reserved": row.reserved,
        "referenced": row.referenced,
        "ratio": row.compressratio,
    }


def _sizes(row: OwnerRow | DatasetRow, size: int) -> dict[str, str]:
    texts: dict[str, str] = {}
    for id, number in _numbers(row, size).items():
        match id:
            case "share":
                texts[id] = "" if number is None else f"{number:.0f}%"
            case "ratio":
                texts[id] = "" if number is None else f"{number:.2f}"
            case _:
                texts[id] = human_size(int(number)) if number else "-"
    return texts
