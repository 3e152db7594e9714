"""zfs list, zfs get, zpool list, zpool status."""

from __future__ import annotations

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.zfs.datasets import invalid_character
from bsdvirt_sim.zfs.properties import View, find_bookmark, find_snapshot
from bsdvirt_sim.zfs.space import Space

_KINDS = {"filesystem", "volume", "snapshot"}
_ALL = _KINDS | {"bookmark"}
_NUMBERS = {"available", "creation", "createtxg", "guid", "refer", "referenced", "used", "userrefs"}
_WRONG_KIND = "operation not applicable to datasets of this type"


def _gather(
    run: Run, roots: list[str], kinds: set[str], depth: int | None
) -> tuple[list[str], int]:
    """Return the names for a list or get, sorted as zfs sorts, and a status."""
    status = 0
    found: set[str] = set()
    datasets = run.state.datasets
    for root in roots:
        why = _refusal(run, root, kinds, depth)
        if why:
            run.warn(f"cannot open '{root}': {why}")
            status = 1
            continue
        if "@" in root or "#" in root:
            found.add(root)
            continue
        level = root.count("/")
        prefix = root + "/"
        for name, dataset in datasets.items():
            if name != root and not name.startswith(prefix):
                continue
            deep = name.count("/") - level
            if depth is not None and deep > depth:
                continue
            if dataset.kind in kinds:
                found.add(name)
            # A snapshot is one level beneath its dataset.
            if depth is None or deep + 1 <= depth:
                if "snapshot" in kinds:
                    found.update(f"{name}@{snap.name}" for snap in dataset.snaps)
                if "bookmark" in kinds:
                    found.update(f"{name}#{mark.name}" for mark in dataset.bookmarks)
    return sorted(found, key=lambda name: _order(run, name)), status


def _refusal(run: Run, root: str, kinds: set[str], depth: int | None) -> str:
    """Return why zfs_open() refuses a name: first zfs_validate_name() in libzfs_dataset.c."""
    if wrong := invalid_character(root.replace("%", "")):
        return wrong
    if "@" in root:
        if "snapshot" not in kinds:
            return "snapshot delimiter '@' is not expected here"
        return "" if find_snapshot(run.state, root) else "dataset does not exist"
    if "#" in root:
        if "bookmark" not in kinds:
            return "bookmark delimiter '#' is not expected here"
        if root.partition("#")[0] not in run.state.datasets:
            return "dataset does not exist"
        return "" if find_bookmark(run.state, root) else "no such pool or dataset"
    dataset = run.dataset(root)
    if depth == 0 and kinds == {"snapshot"}:
        return "missing '@' delimiter in snapshot name"
    if dataset is None:
        return "dataset does not exist"
    allowed = set(kinds)
    if depth != 0:
        allowed.add("filesystem")
        if kinds & {"snapshot", "bookmark"}:
            allowed.add("volume")
    return "" if dataset.kind in allowed else _WRONG_KIND


def _order(run: Run, name: str) -> tuple[str, int]:
    parent, at, _ = name.partition("@")
    if not at:
        return parent, 0
    snapshot = find_snapshot(run.state, name)
    return parent, snapshot.txg if snapshot else 0


def _depth(run: Run, flags: dict[str, list[str]], all_: bool) -> int | None:
    if "d" in flags:
        return int(flags["d"][-1])
    return None if "r" in flags or all_ else 0


def _kinds(run: Run, flags: dict[str, list[str]], default: set[str]) -> set[str]:
    if "t" not in flags:
        return default
    kinds: set[str] = set()
    for word in flags["t"][-1].split(","):
        kinds |= {"all": _ALL, "snap": {"snapshot"}}.get(word, {word})
    if not kinds <= _ALL:
        raise run.unknown(f"-t {flags['t'][-1]}")
    return kinds


def list_verb(run: Run, words: list[str]) -> int:
    """Run `zfs list -Hp ...`."""
    run.reads()
    flags, rest = options(run, words, "Hpr", "todsS")
    if not run.wide and not {"H", "p", "o"} <= flags.keys():
        raise run.unknown("a list without -Hp and -o is for people")
    kinds = _kinds(run, flags, {"filesystem", "volume"})
    depth = _depth(run, flags, not rest)
    if kinds in ({"snapshot"}, {"bookmark"}) and rest and depth == 0:
        # The snapshots of the named datasets themselves.
        depth = 1
    names, status = _gather(run, rest or sorted(run.state.pools), kinds, depth)
    if not names:
        return status
    if "H" not in flags or not ("o" in flags or run.wide):
        raise run.unknown("a list without -H and -o is not simulated")
    view = View(run)
    names = _sorted(view, names, flags)
    props = flags.get("o", ["name,used,avail,refer,mountpoint"])[-1].split(",")
    for name in names:
        run.print("\t".join(view.get(name, prop)[0] for prop in props))
    return status


def _sorted(view: View, names: list[str], flags: dict[str, list[str]]) -> list[str]:
    """Sort by the columns of -s and -S: where a dataset has no value, it comes last."""
    if "s" in flags and "S" in flags:
        raise view.run.unknown("the order of -s and -S together")
    reverse = "S" in flags
    for prop in reversed(flags.get("S" if reverse else "s", [])):
        values = {name: view.get(name, prop)[0] for name in names}
        known = [name for name in names if values[name] != "-"]
        if prop in _NUMBERS:
            known.sort(key=lambda name: int(values[name]), reverse=reverse)
        else:
            known.sort(key=lambda name: values[name], reverse=reverse)
        names = known + [name for name in names if values[name] == "-"]
    return names


def get_verb(run: Run, words: list[str]) -> int:
    """Run `zfs get -Hp ...`."""
    run.reads()
    flags, rest = options(run, words, "Hpr", "osdt")
    if not {"H", "p"} <= flags.keys() or len(rest) < 2:
        raise run.unknown("a get without -Hp is for people")
    props = rest[0].split(",")
    if "all" in props:
        raise run.unknown("get all is not simulated")
    columns = flags["o"][-1].split(",") if "o" in flags else ["name", "property", "value", "source"]
    wanted = flags["s"][-1].split(",") if "s" in flags else None
    kinds = _kinds(run, flags, _ALL)
    names, status = _gather(run, rest[1:], kinds, _depth(run, flags, False))
    view = View(run)
    for name in names:
        for prop in props:
            value, source = view.get(name, prop)
            if wanted is not None and source.split(" ")[0] not in wanted:
                continue
            shown = {"name": name, "property": prop, "value": value, "source": source}
            if "received" in columns:
                shown["received"] = view.received(name, prop)
            if not set(columns) <= shown.keys():
                raise run.unknown(f"-o {','.join(columns)}")
            run.print("\t".join(shown[column] for column in columns))
    return status


_POOL = ("name", "size", "alloc", "free", "frag", "cap", "health")


def zpool(run: Run, words: list[str]) -> int:
    """Run `zpool list -Hp -o ...` or `zpool status`."""
    run.reads()
    if words == ["status"]:
        return _status(run)
    if words[:1] != ["list"]:
        raise run.unknown()
    flags, rest = options(run, words[1:], "Hp", "o")
    if not {"H", "p", "o"} <= flags.keys():
        raise run.unknown()
    props = flags["o"][-1].split(",")
    if not set(props) <= set(_POOL):
        raise run.unknown(f"-o {','.join(props)}")
    space = Space(run)
    status = 0
    for name in rest or sorted(run.state.pools):
        pool = run.state.pools.get(name)
        if pool is None:
            run.warn(f"cannot open '{name}': no such pool")
            status = 1
            continue
        alloc = space.allocated(name)
        values = {
            "name": name,
            "size": str(pool.size),
            "alloc": str(alloc),
            "free": str(pool.size - alloc),
            "frag": "0",
            "cap": str(alloc * 100 // pool.size),
            "health": "ONLINE",
        }
        run.print("\t".join(values[prop] for prop in props))
    return status


def _status(run: Run) -> int:
    for number, name in enumerate(sorted(run.state.pools)):
        if number:
            run.print("")
        run.print(_STATUS.format(name=name, named=name.ljust(10)))
    return 0


_STATUS = """\
  pool: {name}
 state: ONLINE
config:

\tNAME        STATE     READ WRITE CKSUM
\t{named}  ONLINE       0     0     0
\t  vtbd1     ONLINE       0     0     0

errors: No known data errors"""
