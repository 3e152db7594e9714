"""zfs set, inherit, rename."""

from __future__ import annotations

from functools import partial

from bsdvirt_sim.context import Exit, Run, options
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.datasets import (
    check_name,
    family,
    open_dataset,
    open_snapshot,
    pool_of,
    properties,
)
from bsdvirt_sim.zfs.mount import followers, remount, unmount_one
from bsdvirt_sim.zfs.properties import SIZES, View, find_snapshot

_CLEARED = ("quota", "refquota", "reservation", "refreservation")
_RECEIVABLE = ("canmount", "jailed", "mountpoint", "volmode")
_INHERITED = (
    "volmode", "sharenfs", "sharesmb", "atime", "compression", "jailed", "mountpoint", "readonly",
    "recordsize", "setuid",
)  # fmt: skip


def set_verb(run: Run, words: list[str]) -> int:
    """Run `zfs set`, of each dataset or snapshot in turn."""
    run.changes()
    pairs = [word for word in words if "=" in word]
    names = words[len(pairs) :]
    if not pairs or not names or any("=" in name for name in names):
        raise run.unknown()
    failed = False
    for name in names:
        try:
            failed |= bool((_set_snapshot if "@" in name else _set)(run, name, pairs))
        except Exit:
            failed = True
    return run.release.zfs_set_failed if failed else 0


def _set_snapshot(run: Run, name: str, pairs: list[str]) -> int:
    snap = open_snapshot(run, name)
    action = f"cannot set property for '{name}'"
    if any(":" not in pair.partition("=")[0] for pair in pairs):
        raise run.fail(f"{action}: this property can not be modified for snapshots")
    props = properties(run, pairs, False, action)
    if run.state.pools[pool_of(name)].readonly:
        raise run.fail(f"{action}: pool is read-only")
    snap.props.update(props)
    return 0


def _set(run: Run, name: str, pairs: list[str]) -> int:
    dataset = open_dataset(run, name)
    action = f"cannot set property for '{name}'"
    props = properties(run, pairs, dataset.kind == "volume", action)
    if run.state.pools[name.split("/")[0]].readonly:
        raise run.fail(f"{action}: pool is read-only")
    space = View(run).space
    for prop, value in props.items():
        if prop in ("quota", "refquota") and 0 < int(value) < space.used[name]:
            raise run.fail(f"{action}: size is less than current used or reserved space")
        if (
            prop in ("reservation", "refreservation")
            and int(value) > space.available(name) + space.used[name]
        ):
            raise run.fail(f"{action}: size is greater than available space")
    if "mountpoint" in props and View(run).get(name, "jailed")[0] == "on":
        raise run.fail(f"{action}: 'mountpoint' cannot be set on dataset in a non-global zone")
    if props.get("jailed") == "on" and not _unmounted(run, name):
        return 1
    if "volsize" in props:
        _check_volsize(run, name, int(props["volsize"]), action)
        volumes.cut(run, name, int(props["volsize"]))
    if "volmode" in props and dataset.kind == "volume":
        volumes.set_mode(run, name, props["volmode"])
    if "mountpoint" in props:
        return remount(run, name, lambda: dataset.props.update(props))
    for prop, value in props.items():
        if prop in SIZES - {"volsize", "recordsize", "volblocksize"} and value == "0":
            dataset.props.pop(prop, None)
        else:
            dataset.props[prop] = value
    return 0


def _unmounted(run: Run, name: str) -> bool:
    """Unmount a dataset that becomes a jail's, with its descendants; return False where busy."""
    return all(unmount_one(run, other, force=False) for other in followers(run, name))


def _check_volsize(run: Run, name: str, size: int, action: str) -> None:
    block = int(View(run).get(name, "volblocksize")[0])
    if size % block:
        raise run.fail(
            f"{action}: 'volsize' must be a multiple of volume block size ({block // 1024}K)"
        )


def inherit_verb(run: Run, words: list[str]) -> int:
    """Run `zfs inherit`."""
    run.changes()
    flags, rest = options(run, words, "rS")
    if len(rest) < 2:
        raise run.unknown()
    prop, names = rest[0], rest[1:]
    if "S" in flags and prop not in _RECEIVABLE and ":" not in prop:
        raise run.unknown(f"-S of {prop} is not simulated")
    if prop in _CLEARED:
        run.warn(f"'{prop}' property cannot be inherited")
        run.warn(f"use 'zfs set {prop}=none' to clear")
        raise run.fail(f"use 'zfs inherit -S {prop}' to revert to received value")
    if ":" not in prop and prop not in _INHERITED:
        raise run.unknown(f"inherit of {prop} is not simulated")
    status = 0
    for name in names:
        try:
            holders = _holders(run, name, prop, "r" in flags)
        except Exit as end:
            status = end.status
            continue
        if run.state.pools[pool_of(name)].readonly:
            run.warn(f"cannot inherit {prop} for '{name}': pool is read-only")
            status = 1
            continue
        for member, holder in holders:
            drop = partial(_drop, holder, prop, "S" in flags)
            if prop == "mountpoint":
                status |= remount(run, member, drop)
            else:
                drop()
    return status


def _holders(
    run: Run, name: str, prop: str, recursive: bool
) -> list[tuple[str, Dataset | Snapshot]]:
    """Return what of a name loses a property. Only user properties are those of snapshots."""
    if "@" in name:
        if ":" not in prop:
            raise run.unknown("a native property of a snapshot")
        return [(name, open_snapshot(run, name))]
    open_dataset(run, name)
    found: list[tuple[str, Dataset | Snapshot]] = []
    for member in family(run, name) if recursive else [name]:
        dataset = run.state.datasets[member]
        found.append((member, dataset))
        if recursive and ":" in prop:
            found += [(f"{member}@{snap.name}", snap) for snap in dataset.snaps]
    return found


def _drop(dataset: Dataset | Snapshot, prop: str, back: bool) -> None:
    """Inherit a property again, or (`back`) return to the received value."""
    dataset.props.pop(prop, None)
    if back and prop in dataset.received:
        dataset.props[prop] = dataset.received[prop]


def rename_verb(run: Run, words: list[str]) -> int:
    """Run `zfs rename`."""
    run.changes()
    flags, words = options(run, words, "r")
    if len(words) != 2 or ("r" in flags and "@" not in words[0]):
        raise run.unknown()
    if "@" in words[0]:
        return _rename_snapshot(run, *words, recursive="r" in flags)
    old, new = words
    open_dataset(run, old)
    action = f"cannot rename to '{new}'"
    check_name(run, new, action)
    parent = run.dataset(new.rpartition("/")[0])
    if new.split("/")[0] in run.state.pools and parent is None:
        raise run.fail(f"cannot create '{new}': parent does not exist")
    if new.split("/")[0] != old.split("/")[0]:
        raise run.fail(f"{action}: datasets must be within same pool")
    if new.startswith(old + "/"):
        raise run.fail(f"{action}: New dataset name cannot be a descendant of current dataset name")
    if new in run.state.datasets:
        raise run.fail(f"cannot rename '{old}': dataset already exists")
    if run.state.pools[old.split("/")[0]].readonly:
        raise run.fail(f"cannot rename '{old}': pool is read-only")

    def move() -> None:
        state = run.state
        for name in [n for n in state.datasets if n == old or n.startswith(old + "/")]:
            moved = state.datasets[new + name[len(old) :]] = state.datasets.pop(name)
            if moved.kind == "volume":
                volumes.move(run, name, new + name[len(old) :])
        for dataset in state.datasets.values():
            origin = dataset.origin.split("@")[0]
            if dataset.origin and (origin == old or origin.startswith(old + "/")):
                dataset.origin = new + dataset.origin[len(old) :]

    return remount(run, old, move, new)


def _rename_snapshot(run: Run, old: str, new: str, *, recursive: bool) -> int:
    open_snapshot(run, old)
    parent, _, short = old.partition("@")
    above, at, name = new.rpartition("@")
    action = f"cannot rename to '{new}'"
    if at and above and above != parent:
        raise run.fail(f"{action}: snapshots must be part of same dataset")
    check_name(run, f"{parent}@{name}", action)
    if run.state.pools[pool_of(old)].readonly:
        raise run.fail(f"cannot rename '{old}': pool is read-only")
    members = family(run, parent) if recursive else [parent]
    found = {m: snap for m in members if (snap := find_snapshot(run.state, f"{m}@{short}"))}
    if any(find_snapshot(run.state, f"{member}@{name}") for member in found):
        child = "a child dataset already has a snapshot with the new name"
        raise run.fail(f"cannot rename '{old}': {child if recursive else 'dataset already exists'}")
    for member, snap in found.items():
        dataset = run.state.datasets[member]
        snap.name = name
        trees.move_kept(run, dataset, short, dataset, snap)
    names = {f"{member}@{short}": f"{member}@{name}" for member in found}
    for dataset in run.state.datasets.values():
        dataset.origin = names.get(dataset.origin, dataset.origin)
    return 0
