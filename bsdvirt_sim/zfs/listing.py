"""zfs list, zfs get, zpool list, zpool status."""

from __future__ import annotations

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.zfs.properties import Space, View, find_snapshot

_KINDS = {"filesystem", "volume", "snapshot"}


def _gather(
    run: Run, roots: list[str], kinds: set[str], depth: int | None
) -> tuple[list[str], int]:
    """Return the names for a list or get, sorted as zfs sorts, and a status."""
    status = 0
    found: set[str] = set()
    datasets = run.state.datasets
    for root in roots:
        if "@" in root:
            if find_snapshot(run.state, root) is None:
                run.warn(f"cannot open '{root}': dataset does not exist")
                status = 1
            else:
                found.add(root)
            continue
        if root not in datasets:
            run.warn(f"cannot open '{root}': dataset does not exist")
            status = 1
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
            if "snapshot" in kinds and (depth is None or deep + 1 <= depth):
                found.update(f"{name}@{snap.name}" for snap in dataset.snaps)
    return sorted(found, key=lambda name: _order(run, name)), status


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


def list_verb(run: Run, words: list[str]) -> int:
    """Run `zfs list -Hp ...`."""
    run.reads()
    flags, rest = options(run, words, "Hpr", "tod")
    if not run.wide and not {"H", "p", "o"} <= flags.keys():
        raise run.unknown("a list without -Hp and -o is for people")
    kinds = set(flags["t"][-1].split(",")) if "t" in flags else {"filesystem", "volume"}
    if not kinds <= _KINDS:
        raise run.unknown(f"-t {flags['t'][-1]}")
    roots = rest or sorted(run.state.pools)
    names, status = _gather(run, roots, kinds, _depth(run, flags, not rest))
    if not names:
        return status
    if not {"H", "o"} <= flags.keys():
        raise run.unknown("a list without -H and -o is not simulated")
    if (
        kinds == {"snapshot"}
        and not flags.keys() & {"r", "d"}
        and any("@" not in name for name in rest)
    ):
        raise run.unknown("-t snapshot without -r or -d is not simulated")
    view = View(run)
    props = flags["o"][-1].split(",")
    for name in names:
        run.print("\t".join(view.get(name, prop)[0] for prop in props))
    return status


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
    kinds = set(flags["t"][-1].split(",")) if "t" in flags else _KINDS
    if not kinds <= _KINDS:
        raise run.unknown(f"-t {flags['t'][-1]}")
    names, status = _gather(run, rest[1:], kinds, _depth(run, flags, False))
    view = View(run)
    for name in names:
        for prop in props:
            value, source = view.get(name, prop)
            if wanted is not None and source.split(" ")[0] not in wanted:
                continue
            shown = {"name": name, "property": prop, "value": value, "source": source}
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
    space = Space(run.state)
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
