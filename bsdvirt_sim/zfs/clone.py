"""zfs clone and zfs promote."""

from __future__ import annotations

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.create import check_parents, create_ancestors, room
from bsdvirt_sim.zfs.datasets import add, check_name, open_dataset, open_snapshot, properties
from bsdvirt_sim.zfs.mount import share_mount
from bsdvirt_sim.zfs.properties import View


def clone(run: Run, words: list[str]) -> int:
    """Run `zfs clone`."""
    run.changes()
    flags, rest = options(run, words, "p", "o")
    if len(rest) != 2 or "@" not in rest[0]:
        raise run.unknown()
    source, name = rest
    snap = open_snapshot(run, source)
    action = f"cannot create '{name}'"
    check_name(run, name, action)
    if "p" in flags:
        if name in run.state.datasets:
            return 0
        create_ancestors(run, name)
    check_parents(run, name, action)
    parent = run.state.datasets[source.split("@")[0]]
    props = properties(run, flags.get("o", []), parent.kind == "volume", action)
    if name in run.state.datasets:
        raise run.fail(f"{action}: dataset already exists")
    if name.split("/")[0] != source.split("/")[0]:
        raise run.fail(f"{action}: source and target pools differ")
    room(run, name, action)
    if parent.kind == "volume":
        props["volsize"] = str(snap.volsize)
        props["volblocksize"] = View(run).get(source.split("@")[0], "volblocksize")[0]
    dataset = add(run, name, props, parent.kind, snap.refer)
    dataset.origin = source
    if parent.kind == "filesystem":
        trees.copy(trees.kept(run, parent, snap), trees.store(run, dataset.guid))
    else:
        volumes.restore(run, name, trees.kept(run, parent, snap))
        volumes.lose(run, name, props)
    return share_mount(run, name, explicit=False)


def promote(run: Run, words: list[str]) -> int:
    """Run `zfs promote`: the snapshots up to the origin become the clone's, with bookmarks."""
    run.changes()
    if len(words) != 1 or words[0].startswith("-"):
        raise run.unknown()
    name = words[0]
    if "@" in name:
        raise run.unknown("a snapshot cannot be promoted")
    dataset = open_dataset(run, name)
    if not dataset.origin:
        raise run.fail(f"cannot promote '{name}': not a cloned filesystem")
    if run.state.pools[name.split("/")[0]].readonly:
        raise run.fail(f"cannot promote '{name}': pool is read-only")
    parent, _, short = dataset.origin.partition("@")
    old = run.state.datasets[parent]
    cut = next(i for i, snap in enumerate(old.snaps) if snap.name == short) + 1
    moved = old.snaps[:cut]
    marks = [mark for mark in old.bookmarks if mark.txg <= moved[-1].txg]
    for mine, theirs in ((dataset.snaps, moved), (dataset.bookmarks, marks)):
        taken = {one.name for one in mine}
        for one in theirs:
            if one.name in taken:
                why = f"conflicting snapshot '{one.name}' from parent '{dataset.origin}'"
                raise run.fail(f"cannot promote '{name}': {why}")
    for snap in moved:
        trees.move_kept(run, old, snap.name, dataset, snap)
    dataset.snaps = moved + dataset.snaps
    old.snaps = old.snaps[cut:]
    for mark in marks:
        source, target = (trees.table(run, one, f"#{mark.name}") for one in (old, dataset))
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    dataset.bookmarks = marks + dataset.bookmarks
    old.bookmarks = [mark for mark in old.bookmarks if mark not in marks]
    names = {f"{parent}@{snap.name}" for snap in moved}
    dataset.origin, old.origin = old.origin, dataset.origin
    for other in run.state.datasets.values():
        if other.origin in names:
            other.origin = f"{name}@{other.origin.split('@')[1]}"
    return 0
