"""zfs snapshot and zfs bookmark."""

from __future__ import annotations

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.state import Bookmark, Snapshot, is_inconsistent
from bsdvirt_sim.zfs import trees, volumes
from bsdvirt_sim.zfs.datasets import check_name, family, guid, pool_state, properties, usage
from bsdvirt_sim.zfs.properties import View, find_bookmark, find_snapshot
from bsdvirt_sim.zfs.snapshots import objects

_ACTION = "cannot create snapshots "
_SYNOPSIS = "\tsnapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ..."


def snapshot(run: Run, words: list[str]) -> int:
    """Run `zfs snapshot`: all of a command are taken in one transaction group, or none."""
    run.changes()
    flags, rest = options(run, words, "r", "o")
    if not rest or not all("@" in name for name in rest):
        raise run.unknown()
    names: list[str] = []
    for name in rest:
        parent, _, short = name.partition("@")
        if run.dataset(parent) is None:
            run.warn(f"cannot open '{parent}': dataset does not exist")
            raise usage(run, _SYNOPSIS)
        for member in family(run, parent) if "r" in flags else [parent]:
            if "r" in flags and is_inconsistent(run.state.datasets[member]):
                continue
            if f"{member}@{short}" not in names:
                names.append(f"{member}@{short}")
    why = _refusals(run, names, flags.get("o", []))
    if why:
        for line in why:
            run.warn(line)
        if "r" in flags or len(rest) > 1:
            run.warn("no snapshots were created")
        return 1
    props = properties(run, flags.get("o", []), False, _ACTION)
    txg = run.serial()
    for name in names:
        parent, _, short = name.partition("@")
        take_snapshot(run, parent, short, txg, props)
    return 0


def _refusals(run: Run, names: list[str], pairs: list[str]) -> list[str]:
    """Return the errors of a command, in words; none where it succeeds."""
    for name in names:
        check_name(run, name, f"cannot create snapshot '{name}'")
    if any(":" not in pair.partition("=")[0] for pair in pairs):
        return [f"{_ACTION}: this property can not be modified for snapshots"]
    pools = {name.split("@")[0].split("/")[0] for name in names}
    if len(pools) > 1 or len({name.split("@")[0] for name in names}) < len(names):
        return [f"{_ACTION}: multiple snapshots of same fs not allowed"]
    readonly, full = pool_state(run, names[0])
    if readonly or full:
        return [f"{_ACTION}: {'pool is read-only' if readonly else 'out of space'}"]
    why = {}
    for name in names:
        if find_snapshot(run.state, name):
            why[name] = "dataset already exists"
        elif is_inconsistent(run.state.datasets[name.split("@")[0]]):
            why[name] = "dataset is busy"
        elif _needs(run, name.split("@")[0]):
            why[name] = "out of space"
    return [f"cannot create snapshot '{name}': {reason}" for name, reason in why.items()]


def _needs(run: Run, name: str) -> bool:
    """Whether a snapshot needs more space than there is: what a reservation was to hold is
    reserved again."""
    reserved = int(run.state.datasets[name].props.get("refreservation", "0"))
    if not reserved:
        return False
    space = View(run).space
    return min(space.written(name), reserved) > space.available(name)


def take_snapshot(run: Run, name: str, short: str, txg: int, props: dict[str, str]) -> Snapshot:
    """Add a snapshot of the dataset."""
    dataset = run.state.datasets[name]
    snap = Snapshot(
        short,
        guid(),
        run.now(),
        txg,
        dataset.refer,
        dict(props),
        int(dataset.props.get("volsize", "0")),
    )
    if dataset.kind == "filesystem":
        trees.snapshot(run, dataset, snap)
        objects.keep(run, dataset, snap)
    else:
        volumes.keep(run, name, trees.kept(run, dataset, snap))
        objects.keep_volume(run, dataset, snap)
    dataset.snaps.append(snap)
    return snap


def bookmark(run: Run, words: list[str]) -> int:
    """Run `zfs bookmark`, of a snapshot or a bookmark of the same dataset."""
    run.changes()
    if len(words) != 2 or "#" not in words[1] or words[0][0] in "@#-":
        raise run.unknown()
    source, name = words
    parent, mark, _ = source.partition("@" if "@" in source else "#")
    if name.startswith("#"):
        name = parent + name
    of: Snapshot | Bookmark | None = find_snapshot(run.state, source)
    if mark == "#":
        of = find_bookmark(run.state, source)
    if of is None:
        missing = "#" in source and parent in run.state.datasets
        words_ = "no such pool or dataset" if missing else "dataset does not exist"
        run.warn(f"cannot open '{source}': {words_}")
        raise usage(run, "\tbookmark <snapshot|bookmark> <newbookmark>")
    action = f"cannot create bookmark '{name}'"
    if name.partition("#")[0] != parent:
        raise run.unknown("a bookmark in another dataset is not simulated")
    if find_bookmark(run.state, name) is not None:
        raise run.fail(f"{action}: bookmark exists")
    readonly, full = pool_state(run, parent)
    if readonly or full:
        raise run.fail(f"{action}: {'pool is read-only' if readonly else 'out of space'}")
    dataset = run.state.datasets[parent]
    made = Bookmark(name.partition("#")[2], of.guid, of.created, of.txg, of.refer)
    dataset.bookmarks.append(made)
    table = trees.table(run, dataset, of.name if mark == "@" else f"#{of.name}")
    trees.table(run, dataset, f"#{made.name}").write_bytes(table.read_bytes())
    return 0
