"""What zfs receive does for an incremental package before its snapshots and after them: what was
renamed or destroyed at the sender (recv_incremental_replication)."""

from __future__ import annotations

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import trees
from bsdvirt_sim.zfs.datasets import family
from bsdvirt_sim.zfs.destroy import drop_snapshot, remove_dataset
from bsdvirt_sim.zfs.mount import unmount_one
from bsdvirt_sim.zfs.properties import View, find_snapshot
from bsdvirt_sim.zfs.streams.format import Member, Package


def follow(run: Run, name: str, package: Package, force: bool) -> bool:
    """Make the datasets and snapshots that are here those of the package; return whether that was
    possible. Without `force`, nothing is destroyed."""
    if run.dataset(name) is None:
        run.warn(f"cannot open '{name}': dataset does not exist")
        return False
    for local in reversed(family(run, name)):
        dataset = run.state.datasets[local]
        member = _member(package, dataset)
        for snap in list(dataset.snaps):
            _snapshot(run, local, dataset, snap, package, force=force)
        if member is None:
            if force:
                _destroy(run, local, dataset)
            continue
        origin = find_snapshot(run.state, dataset.origin)
        if member.origin != (origin.guid if origin else 0):
            raise run.unknown("a promotion at the sender is not simulated")
        if local != name and local.rpartition("/")[2] != member.name.rpartition("/")[2]:
            raise run.unknown("a rename at the sender is not simulated")
    return True


def _member(package: Package, dataset: Dataset) -> Member | None:
    guids = {snap.guid for snap in dataset.snaps}
    found = (one for one in package.members if guids & set(one.snaps.values()))
    return next(found, None)


def _snapshot(
    run: Run, name: str, dataset: Dataset, snap: Snapshot, package: Package, *, force: bool
) -> None:
    for member in package.members:
        for short, guid in member.snaps.items():
            if guid != snap.guid:
                continue
            receive_props(snap, member.snapprops.get(short, {}))
            if short != snap.name:
                old, snap.name = snap.name, short
                trees.move_kept(run, dataset, old, dataset, snap)
            return
    if not force:
        return
    if snap.holds or View(run).clones(f"{name}@{snap.name}"):
        raise run.unknown("a snapshot that cannot be destroyed is renamed by zfs receive")
    drop_snapshot(run, f"{name}@{snap.name}", snap)


def _destroy(run: Run, name: str, dataset: Dataset) -> None:
    if dataset.snaps or len(family(run, name)) > 1:
        raise run.unknown("a dataset that cannot be destroyed is renamed by zfs receive")
    if dataset.mounted and not unmount_one(run, name, force=False):
        raise run.unknown("a dataset that is busy is renamed by zfs receive")
    remove_dataset(run, name)


def receive_props(snap: Snapshot, props: dict[str, str]) -> None:
    """Set the properties that came with a snapshot."""
    for prop, value in snap.received.items():
        if snap.props.get(prop) == value:
            del snap.props[prop]
    for prop, value in props.items():
        snap.props.setdefault(prop, value)
    snap.received = dict(props)
