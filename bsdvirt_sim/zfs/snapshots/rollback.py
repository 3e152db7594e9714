"""zfs rollback: a dataset's data becomes that of its latest snapshot again (zfs_main.c)."""

from __future__ import annotations

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.datasets import open_snapshot, pool_of
from bsdvirt_sim.zfs.destroy import dependents, drop_snapshot, remove_dataset
from bsdvirt_sim.zfs.mount import unmount_one
from bsdvirt_sim.zfs.properties import View, find_snapshot
from bsdvirt_sim.zfs.snapshots import objects

_MOST = 32
"""The number of later snapshots that an error names."""


def rollback(run: Run, words: list[str]) -> int:
    """Run `zfs rollback`."""
    run.changes()
    flags, rest = options(run, words, "rRf")
    if len(rest) != 1 or "@" not in rest[0]:
        raise run.unknown()
    name = rest[0]
    snap = open_snapshot(run, name)
    parent = name.partition("@")[0]
    dataset = run.state.datasets[parent]
    later = [f"{parent}@{one.name}" for one in dataset.snaps if one.txg > snap.txg]
    marks = [f"{parent}#{mark.name}" for mark in dataset.bookmarks if mark.txg > snap.txg]
    if "R" not in flags:
        _check(run, name, [*later, *marks], "r" in flags)
    readonly = run.state.pools[pool_of(name)].readonly
    failed = False
    for other in later:
        failed |= not _drop(run, other, "f" in flags)
    if readonly:
        for other in marks:
            run.warn(f"cannot destroy '{other}': pool is read-only")
        failed |= bool(marks)
    else:
        dataset.bookmarks = [mark for mark in dataset.bookmarks if mark.txg <= snap.txg]
    if failed:
        return 1
    if readonly:
        raise run.fail(f"cannot rollback '{parent}': pool is read-only")
    quota = int(dataset.props.get("refquota", "0"))
    if quota and snap.refer > quota:
        raise run.fail(f"cannot rollback '{parent}': out of space")
    restore(run, parent, dataset, snap)
    return 0


def _check(run: Run, name: str, later: list[str], recursive: bool) -> None:
    """End the command where what is more recent refuses it."""
    if not recursive and later:
        run.warn(f"cannot rollback to '{name}': more recent snapshots or bookmarks exist")
        run.warn("use '-r' to force deletion of the following snapshots and bookmarks:")
        for other in later[:_MOST]:
            run.warn(other)
        if len(later) >= _MOST:
            raise run.fail(f"Output limited to {_MOST} snapshots/bookmarks")
        raise run.fail_silently()
    clones = [clone for other in later if "@" in other for clone in dependents(run, other)]
    if clones:
        run.warn(f"cannot rollback to '{name}': clones of previous snapshots exist")
        run.warn("use '-R' to force deletion of the following clones and dependents:")
        for clone in clones:
            run.warn(clone)
        raise run.fail_silently()


def _drop(run: Run, name: str, force: bool) -> bool:
    """Destroy a later snapshot, after its clones with what depends on them."""
    done = True
    for other in dependents(run, name):
        done &= _drop_one(run, other, force)
    return _drop_one(run, name, force) and done


def _drop_one(run: Run, name: str, force: bool) -> bool:
    parent = name.partition("@")[0]
    dataset = run.state.datasets[parent]
    snap = find_snapshot(run.state, name) if "@" in name else None
    if snap is None and dataset.mounted and not unmount_one(run, name, force):
        return False
    why = ""
    if run.state.pools[pool_of(name)].readonly:
        why = "pool is read-only"
    elif snap is None:
        if dataset.snaps:
            why = "dataset is busy"
        elif any(other.startswith(f"{name}/") for other in run.state.datasets):
            why = "dataset already exists"
    elif snap.holds:
        why = "dataset is busy"
    elif View(run).clones(name):
        why = "dataset already exists"
    if why:
        run.warn(f"cannot destroy '{name}': {why}")
        return False
    if snap is None:
        remove_dataset(run, name)
    else:
        drop_snapshot(run, name, snap)
    return True


def restore(run: Run, name: str, dataset: Dataset, snap: Snapshot) -> None:
    """Make the data of a snapshot the dataset's again, in place where it is mounted."""
    if dataset.kind == "volume":
        dataset.props["volsize"] = str(snap.volsize)
        volumes.copy(trees.kept(run, dataset, snap), volumes.data(run, name))
    else:
        trees.restore(run, dataset, snap)
        objects.restored(run, dataset, snap)
    dataset.refer = snap.refer
