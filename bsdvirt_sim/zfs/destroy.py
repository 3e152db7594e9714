"""zfs destroy: its order, its refusals, and what it leaves."""

from __future__ import annotations

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.mount import unmount_one
from bsdvirt_sim.zfs.properties import View, find_snapshot


def destroy(run: Run, words: list[str]) -> int:
    """Run `zfs destroy`; with -nvp only print."""
    flags, rest = options(run, words, "rfnvp")
    if len(rest) != 1 or "#" in rest[0]:
        raise run.unknown()
    dry = "n" in flags
    if dry:
        run.reads()
        if not {"v", "p", "r"} <= flags.keys():
            raise run.unknown()
    else:
        run.changes()
        if flags.keys() & {"v", "p"}:
            raise run.unknown()
    name = rest[0]
    if "@" in name:
        if dry:
            raise run.unknown()
        return _snapshots(run, name, "r" in flags)
    dataset = run.dataset(name)
    if dataset is None:
        raise run.fail(f"cannot open '{name}': dataset does not exist")
    recursive = "r" in flags
    if "/" not in name:
        raise run.unknown("bsdvirt never destroys a pool's root")
    if not _allowed(run, name, dataset.kind, recursive):
        return 1
    if dry:
        for victim in dependents(run, name):
            run.print(f"destroy\t{victim}")
        run.print(f"destroy\t{name}")
        return 0
    status = 0
    for victim in [*(dependents(run, name) if recursive else []), name]:
        if not _one(run, victim, "f" in flags):
            # A recursive destroy continues after what it cannot destroy.
            status = 1
    return status


def dependents(run: Run, name: str) -> list[str]:
    """Return the descendants of a dataset, in the order of their destruction."""
    datasets = run.state.datasets
    prefix = name + "/"
    children: dict[str, list[str]] = {}
    for other in sorted(n for n in datasets if n.startswith(prefix)):
        children.setdefault(other.rpartition("/")[0], []).append(other)

    found: list[str] = []

    def walk(parent: str) -> None:
        for child in children.get(parent, []):
            walk(child)
            found.append(child)
        found.extend(f"{parent}@{snap.name}" for snap in datasets[parent].snaps)

    walk(name)
    return found


def _allowed(run: Run, name: str, kind: str, recursive: bool) -> bool:
    beneath = dependents(run, name)
    if not recursive:
        if not beneath:
            return True
        run.warn(f"cannot destroy '{name}': {kind} has children")
        run.warn("use '-r' to destroy the following datasets:")
        for other in beneath:
            run.warn(other)
        return False
    view = View(run)
    clones = [
        clone
        for snapshot in beneath
        if "@" in snapshot
        for clone in view.clones(snapshot)
        if not (clone == name or clone.startswith(name + "/"))
    ]
    if clones:
        run.warn(f"cannot destroy '{name}': {kind} has dependent clones")
        run.warn("use '-R' to destroy the following datasets:")
        for clone in clones:
            run.warn(clone)
    return not clones


def _one(run: Run, name: str, force: bool) -> bool:
    if "@" in name:
        return _drop_snapshot(run, name)
    state = run.state
    dataset = state.datasets[name]
    beneath = name + "/"
    if dataset.mounted and not unmount_one(run, name, force):
        return False
    if state.pools[name.split("/")[0]].readonly:
        run.warn(f"cannot destroy '{name}': pool is read-only")
        return False
    if dataset.snaps or any(other.startswith(beneath) for other in state.datasets):
        # A descendant could not be destroyed, and its error is printed; no capture shows the
        # kernel's answer to this one in another state than unmounted or busy.
        raise run.unknown("destroying a parent whose child remains is not simulated")
    mountpoint, source = View(run).mountpoint(name)
    del state.datasets[name]
    trees.remove(trees.store(run, dataset.guid))
    if dataset.kind == "volume":
        volumes.vanish(run, name)
    if dataset.kind == "filesystem" and source != "local" and mountpoint.startswith("/"):
        trees.drop_mountpoint(run, mountpoint)
    return True


def _drop_snapshot(run: Run, name: str) -> bool:
    parent, _, short = name.partition("@")
    dataset = run.state.datasets[parent]
    snapshot = find_snapshot(run.state, name)
    assert snapshot is not None
    if run.state.pools[parent.split("/")[0]].readonly:
        run.warn("cannot destroy snapshots: pool is read-only")
        return False
    dataset.snaps = [snap for snap in dataset.snaps if snap.name != short]
    trees.remove(trees.store(run, snapshot.guid))
    volumes.drop(run, snapshot.guid)
    return True


def _snapshots(run: Run, name: str, recursive: bool) -> int:
    parent, _, short = name.partition("@")
    if any(character in short for character in "%,"):
        raise run.unknown("ranges of snapshots are not simulated")
    if run.dataset(parent) is None:
        raise run.fail(f"cannot open '{parent}': dataset does not exist")
    names = [parent]
    if recursive:
        names += sorted(other for other in run.state.datasets if other.startswith(parent + "/"))
    victims = [f"{n}@{short}" for n in names if find_snapshot(run.state, f"{n}@{short}")]
    if not victims:
        raise run.fail("could not find any snapshots to destroy; check snapshot names.")
    view = View(run)
    for victim in victims:
        clones = view.clones(victim)
        if clones:
            run.warn(f"cannot destroy '{victim}': snapshot has dependent clones")
            run.warn("use '-R' to destroy the following datasets:")
            for clone in clones:
                run.warn(clone)
            return 1
    done = [_drop_snapshot(run, victim) for victim in victims]
    return 0 if all(done) else 1
