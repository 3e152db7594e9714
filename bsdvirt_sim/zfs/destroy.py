"""zfs destroy: its order, its refusals, and what it leaves (zfs_main.c, dsl_destroy.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.state import Snapshot
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.datasets import family, pool_of
from bsdvirt_sim.zfs.mount import unmount_one
from bsdvirt_sim.zfs.properties import View, find_bookmark, find_snapshot


def destroy(run: Run, words: list[str]) -> int:
    """Run `zfs destroy`; with -n only print."""
    flags, rest = options(run, words, "rRfdnvp")
    if len(rest) != 1:
        raise run.unknown()
    if "n" in flags:
        run.reads()
    else:
        run.changes()
    if flags.keys() & {"n", "v"} and "p" not in flags:
        raise run.unknown("sizes for people are not simulated")
    if "@" in rest[0]:
        return _Snapshots(run, flags).run_for(rest[0])
    if "#" in rest[0]:
        return _bookmark(run, rest[0], flags)
    if "d" in flags:
        raise run.unknown("-d is for snapshots")
    return _Datasets(run, flags).run_for(rest[0])


def dependents(run: Run, name: str, *, clones: bool = True) -> Iterator[str]:
    """Yield what depends on a dataset or snapshot, in the order of destruction: what is beneath
    it, and (`clones`) the clones of its snapshots with all of theirs."""
    if "@" in name:
        for clone in View(run).clones(name) if clones else ():
            yield from dependents(run, clone)
            yield clone
        return
    depth = name.count("/") + 1
    beneath = [n for n in family(run, name)[1:] if n.count("/") == depth]
    for child in beneath:
        yield from dependents(run, child, clones=clones)
        yield child
    dataset = run.dataset(name)
    for snap in list(dataset.snaps) if dataset else ():
        yield from dependents(run, f"{name}@{snap.name}", clones=clones)
        yield f"{name}@{snap.name}"


class _Datasets:
    """A destruction of a dataset."""

    def __init__(self, run: Run, flags: dict[str, list[str]]) -> None:
        self.run = run
        self.flags = flags
        self.recursive = bool(flags.keys() & {"r", "R"})
        self.batch: list[str] = []
        self.failed = False

    def run_for(self, name: str) -> int:
        run = self.run
        dataset = run.dataset(name)
        if dataset is None:
            raise run.fail(f"cannot open '{name}': dataset does not exist")
        if "/" not in name:
            raise run.unknown("bsdvirt never destroys a pool's root")
        if "R" not in self.flags and not self._allowed(name, dataset.kind):
            return 1
        victims = dict.fromkeys([*dependents(run, name, clones="R" in self.flags), name])
        if any(not self._one(victim) for victim in victims):
            return 1
        return 0 if destroy_snapshots(run, self.batch, False) and not self.failed else 1

    def _allowed(self, name: str, kind: str) -> bool:
        run = self.run
        inside = (f"{name}/", f"{name}@")
        beneath = [n for n in dict.fromkeys(dependents(run, name)) if n.startswith(inside)]
        others = [n for n in dict.fromkeys(dependents(run, name)) if not n.startswith(inside)]
        if not self.recursive and beneath:
            _refuse(run, f"cannot destroy '{name}': {kind} has children", "-r", beneath)
            return False
        if self.recursive and others:
            _refuse(run, f"cannot destroy '{name}': {kind} has dependent clones", "-R", others)
            return False
        return True

    def _one(self, name: str) -> bool:
        """Destroy one, or add it to the batch of snapshots; return whether to go on."""
        if "p" in self.flags:
            self.run.print(f"destroy\t{name}")
        if "n" in self.flags:
            return True
        if "@" in name:
            self.batch.append(name)
            return True
        batch, self.batch = self.batch, []
        if destroy_snapshots(self.run, batch, False) and self._dataset(name):
            return True
        # A recursive destroy continues after what it cannot destroy.
        self.failed = True
        return self.recursive

    def _dataset(self, name: str) -> bool:
        run = self.run
        dataset = run.state.datasets[name]
        if dataset.mounted and not unmount_one(run, name, "f" in self.flags):
            return False
        why = ""
        if run.state.pools[name.split("/")[0]].readonly:
            why = "pool is read-only"
        elif dataset.snaps:
            why = "dataset is busy"
        elif len(family(run, name)) > 1:
            why = "dataset already exists"
        if why:
            run.warn(f"cannot destroy '{name}': {why}")
            return False
        remove_dataset(run, name)
        return True


def _refuse(run: Run, why: str, flag: str, names: list[str]) -> None:
    run.warn(why)
    run.warn(f"use '{flag}' to destroy the following datasets:")
    for name in names:
        run.warn(name)


def remove_dataset(run: Run, name: str) -> None:
    """Remove a dataset that is not mounted, with its data and its mountpoint."""
    dataset = run.state.datasets[name]
    mountpoint, source = View(run).mountpoint(name)
    if dataset.kind == "volume":
        volumes.vanish(run, name)
    del run.state.datasets[name]
    trees.drop_all(run, dataset)
    if dataset.kind == "filesystem" and source != "local" and mountpoint.startswith("/"):
        trees.drop_mountpoint(run, mountpoint)
    finish_deferred(run)


def _bookmark(run: Run, name: str, flags: dict[str, list[str]]) -> int:
    if flags:
        raise run.unknown("a flag for a bookmark")
    mark = find_bookmark(run.state, name)
    if mark is None:
        raise run.fail(f"bookmark '{name}' does not exist.")
    if run.state.pools[pool_of(name)].readonly:
        raise run.fail("cannot destroy bookmark: pool is read-only")
    dataset = run.state.datasets[name.partition("#")[0]]
    dataset.bookmarks.remove(mark)
    trees.table(run, dataset, f"#{mark.name}").unlink(missing_ok=True)
    return 0


class _Snapshots:
    """A destruction of snapshots by their names after the @: one, a list, ranges."""

    def __init__(self, run: Run, flags: dict[str, list[str]]) -> None:
        self.run = run
        self.flags = flags
        self.view = View(run)
        self.found: list[str] = []
        self.reclaimed = 0
        self.failed = False

    def run_for(self, name: str) -> int:
        run = self.run
        parent, _, spec = name.partition("@")
        if run.dataset(parent) is None:
            raise run.fail(f"cannot open '{parent}': dataset does not exist")
        for member in family(run, parent) if self.flags.keys() & {"r", "R"} else [parent]:
            self._gather(member, spec)
        if self.failed:
            return 1
        if not self.found:
            raise run.fail("could not find any snapshots to destroy; check snapshot names.")
        if "p" in self.flags:
            run.print(f"reclaim\t{self.reclaimed}")
        if "n" in self.flags:
            return 0
        if "R" in self.flags and not self._clones():
            return 1
        return 0 if destroy_snapshots(run, self.found, "d" in self.flags) else 1

    def _gather(self, name: str, spec: str) -> None:
        dataset = self.run.state.datasets[name]
        chosen: list[Snapshot] = []
        for part in spec.split(","):
            chosen += [snap for snap in _of_part(dataset.snaps, part) if snap not in chosen]
        for snap in chosen:
            self._check(f"{name}@{snap.name}")
            self.found.append(f"{name}@{snap.name}")
        if "p" not in self.flags:
            return
        chain: list[Snapshot] = []
        for snap in dataset.snaps:
            if snap in chosen:
                self.run.print(f"destroy\t{name}@{snap.name}")
                chain.append(snap)
            if chain and (snap not in chosen or snap is dataset.snaps[-1]):
                self.reclaimed += self.view.space.of_range(name, chain)
                chain = []

    def _check(self, name: str) -> None:
        if self.flags.keys() & {"R", "d"}:
            return
        if self.view.clones(name):
            clones = list(dict.fromkeys(dependents(self.run, name)))
            why = f"cannot destroy '{name}': snapshot has dependent clones"
            _refuse(self.run, why, "-R", clones)
            self.failed = True

    def _clones(self) -> bool:
        """Destroy the clones of all that were found, with what depends on them."""
        inner = _Datasets(self.run, {"R": [""]} | {k: v for k, v in self.flags.items() if k == "f"})
        for name in self.found:
            for victim in dict.fromkeys(dependents(self.run, name)):
                inner._one(victim)
        return destroy_snapshots(self.run, inner.batch, False) and not inner.failed


def _of_part(snaps: list[Snapshot], part: str) -> list[Snapshot]:
    """Return the snapshots that a name, or a range A%B, stands for."""
    first, percent, last = part.partition("%")
    names = [snap.name for snap in snaps]
    if not percent:
        return [snap for snap in snaps if snap.name == part]
    if (last and last not in names) or (first and first not in names):
        return []
    start = names.index(first) if first else 0
    end = names.index(last) if last else len(names) - 1
    return snaps[start : end + 1]


def destroy_snapshots(run: Run, names: list[str], defer: bool) -> bool:
    """Destroy all of these snapshots, or none of them."""
    found = {name: snap for name in names if (snap := find_snapshot(run.state, name))}
    if not found:
        return True
    if run.state.pools[pool_of(names[0])].readonly:
        run.warn("cannot destroy snapshots: pool is read-only")
        return False
    clones = View(run).clones
    why: dict[str, str] = {}
    for name, snap in found.items() if not defer else ():
        if snap.holds:
            busy = "it's being held. Run 'zfs holds -r {}' to see holders."
            why[name] = (busy if run.release.zfs_names_holders else "dataset is busy").format(name)
        elif clones(name):
            why[name] = "snapshot is cloned"
    for name, reason in why.items():
        run.warn(f"cannot destroy snapshot {name}: {reason}")
    if why:
        return False
    for name, snap in found.items():
        if snap.holds or clones(name):
            snap.deferred = True
        else:
            drop_snapshot(run, name, snap)
    return True


def finish_deferred(run: Run) -> None:
    """Destroy the snapshots whose destruction waited for a hold or a clone that is gone."""
    clones: Callable[[str], list[str]] = View(run).clones
    for parent, dataset in list(run.state.datasets.items()):
        for snap in list(dataset.snaps):
            name = f"{parent}@{snap.name}"
            if snap.deferred and not snap.holds and not clones(name):
                drop_snapshot(run, name, snap)


def drop_snapshot(run: Run, name: str, snap: Snapshot) -> None:
    """Remove a snapshot with its data."""
    dataset = run.state.datasets[name.partition("@")[0]]
    trees.drop_kept(run, dataset, snap)
    dataset.snaps.remove(snap)
