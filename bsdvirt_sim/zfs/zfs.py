"""zfs(8): its verbs, and create, snapshot, clone, mount, rename."""

from __future__ import annotations

from bsdvirt_sim.context import Run, Tool, options
from bsdvirt_sim.state import Snapshot
from bsdvirt_sim.zfs import change, destroy, keys, listing, send, trees, volumes
from bsdvirt_sim.zfs.datasets import EMPTY, add, check_name, guid, open_dataset, properties
from bsdvirt_sim.zfs.mount import mount_all, share_mount, unmount_verb
from bsdvirt_sim.zfs.properties import BadValue, View, find_snapshot, size

VOLUME_EMPTY = 12288
USAGE_TAIL = (
    "\nFor the property list, run: zfs set|get\n"
    "\nFor the delegated permission list, run: zfs allow|unallow"
)


def zfs(run: Run, words: list[str]) -> int:
    """Run zfs(8)."""
    if not words or words[0] not in _VERBS:
        raise run.unknown()
    return _VERBS[words[0]](run, words[1:])


def _pool(run: Run, name: str) -> tuple[bool, bool]:
    """Whether the dataset's pool is read-only, and whether it is full."""
    pool = run.state.pools[name.split("/")[0].split("@")[0]]
    if pool.readonly:
        return True, False
    parent = name.split("@")[0]
    while parent not in run.state.datasets:
        parent = parent.rpartition("/")[0]
    return False, View(run).space.available(parent) == 0


def _check_parents(run: Run, name: str, action: str) -> None:
    pool, slash, _ = name.partition("/")
    if not slash:
        raise run.unknown("pools are not made by bsdvirt")
    if pool not in run.state.pools:
        raise run.fail(f"{action}: no such pool '{pool}'")
    parent = run.dataset(name.rpartition("/")[0])
    if parent is None:
        raise run.fail(f"{action}: parent does not exist")
    if parent.kind != "filesystem":
        raise run.fail(f"{action}: parent is not a filesystem")
    if keys.locked(run.state, name.rpartition("/")[0]):
        raise run.fail(f"{action}: encryption root's key is not loaded or provided")


def _create(run: Run, words: list[str]) -> int:
    run.changes()
    flags, rest = options(run, words, "sp", "oV")
    if len(rest) != 1 or ("s" in flags and "V" not in flags):
        raise run.unknown()
    name, volume = rest[0], "V" in flags
    action = f"cannot create '{name}'"
    check_name(run, name, action)
    props = properties(run, flags.get("o", []), volume, action)
    if "p" in flags:
        if name in run.state.datasets:
            return 0
        _create_ancestors(run, name)
    _check_parents(run, name, action)
    if name in run.state.datasets:
        raise run.fail(f"{action}: dataset already exists")
    _room(run, name, action)
    room = View(run).space.available(name.rpartition("/")[0])
    if volume:
        try:
            props["volsize"] = str(size(flags["V"][0]))
        except BadValue as error:
            raise run.fail(f"{action}: {error}") from None
        if "s" not in flags:
            props.setdefault("refreservation", props["volsize"])
    if int(props.get("refreservation", "0")) > room or int(props.get("reservation", "0")) > room:
        raise run.fail(f"{action}: out of space")
    if "encryption" in props and not {"keyformat", "keylocation"} <= props.keys():
        raise run.unknown("a key that is asked for is not simulated")
    add(run, name, props, "volume" if volume else "filesystem", VOLUME_EMPTY if volume else EMPTY)
    run.state.datasets[name].key = "encryption" in props
    if volume:
        volumes.appear(run, name)
        volumes.lose(run, name, props)
    return share_mount(run, name, explicit=False)


def _create_ancestors(run: Run, name: str) -> None:
    parts = name.split("/")
    for depth in range(2, len(parts)):
        ancestor = "/".join(parts[:depth])
        if ancestor not in run.state.datasets:
            action = f"cannot create '{ancestor}'"
            _check_parents(run, ancestor, action)
            _room(run, ancestor, action)
            add(run, ancestor, {}, "filesystem", EMPTY)
            share_mount(run, ancestor, explicit=False)


def _room(run: Run, name: str, action: str) -> None:
    readonly, full = _pool(run, name)
    if readonly:
        raise run.fail(f"{action}: pool is read-only")
    if full:
        raise run.fail(f"{action}: out of space")


def _clone(run: Run, words: list[str]) -> int:
    run.changes()
    flags, rest = options(run, words, "", "o")
    if len(rest) != 2 or "@" not in rest[0]:
        raise run.unknown()
    source, name = rest
    snapshot = find_snapshot(run.state, source)
    if snapshot is None:
        raise run.fail(f"cannot open '{source}': dataset does not exist")
    action = f"cannot create '{name}'"
    check_name(run, name, action)
    _check_parents(run, name, action)
    kind = run.state.datasets[source.split("@")[0]].kind
    props = properties(run, flags.get("o", []), kind == "volume", action)
    if name in run.state.datasets:
        raise run.fail(f"{action}: dataset already exists")
    if name.split("/")[0] != source.split("/")[0]:
        raise run.fail(f"{action}: source and target pools differ")
    _room(run, name, action)
    if kind == "volume":
        props["volsize"] = str(snapshot.volsize)
        props["volblocksize"] = View(run).get(source.split("@")[0], "volblocksize")[0]
    dataset = add(run, name, props, kind, snapshot.refer)
    dataset.origin = source
    if kind == "filesystem":
        trees.copy(trees.store(run, snapshot.guid), trees.store(run, dataset.guid))
    else:
        volumes.restore(run, name, snapshot.guid)
        volumes.lose(run, name, props)
    return share_mount(run, name, explicit=False)


def _snapshot(run: Run, words: list[str]) -> int:
    run.changes()
    flags, rest = options(run, words, "r", "o")
    if len(rest) != 1 or "@" not in rest[0]:
        raise run.unknown()
    parent, _, short = rest[0].partition("@")
    if run.dataset(parent) is None:
        run.warn(f"cannot open '{parent}': dataset does not exist")
        usage = "\tsnapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ..."
        raise run.fail(f"usage:\n{usage}\n{USAGE_TAIL}{run.release.zfs_usage_tail}", 2)
    check_name(run, rest[0], f"cannot create snapshot '{rest[0]}'")
    props = properties(run, flags.get("o", []), False, "cannot create snapshots ")
    if any(":" not in prop for prop in props):
        raise run.unknown("a native property of a snapshot is not simulated")
    readonly, full = _pool(run, parent)
    if readonly or full:
        raise run.fail(
            f"cannot create snapshots : {'pool is read-only' if readonly else 'out of space'}"
        )
    names = [parent]
    if "r" in flags:
        names += sorted(name for name in run.state.datasets if name.startswith(parent + "/"))
    taken = [name for name in names if find_snapshot(run.state, f"{name}@{short}")]
    if taken:
        for name in taken:
            run.warn(f"cannot create snapshot '{name}@{short}': dataset already exists")
        if "r" in flags:
            run.warn("no snapshots were created")
        return 1
    txg = run.serial()
    for name in names:
        take_snapshot(run, name, short, txg, props)
    return 0


def take_snapshot(run: Run, name: str, short: str, txg: int, props: dict[str, str]) -> Snapshot:
    """Add a snapshot of the dataset."""
    dataset = run.state.datasets[name]
    snapshot = Snapshot(
        short,
        guid(),
        run.now(),
        txg,
        dataset.refer,
        dict(props),
        int(dataset.props.get("volsize", "0")),
    )
    if dataset.kind == "filesystem":
        trees.snapshot(run, dataset, snapshot.guid)
    else:
        volumes.keep(run, name, snapshot.guid)
    dataset.snaps.append(snapshot)
    return snapshot


def _mount(run: Run, words: list[str]) -> int:
    run.changes()
    if words == ["-a"]:
        mount_all(run)
        return 0
    if len(words) != 1 or words[0].startswith("-"):
        raise run.unknown()
    open_dataset(run, words[0])
    return share_mount(run, words[0], explicit=True)


def _umount(run: Run, words: list[str]) -> int:
    run.changes()
    flags, rest = options(run, words, "f")
    if len(rest) != 1 or rest[0].startswith("/"):
        raise run.unknown()
    open_dataset(run, rest[0])
    return unmount_verb(run, rest[0], "f" in flags)


def _delegate(run: Run, words: list[str], verb: str) -> int:
    run.changes()
    if len(words) != 2:
        raise run.unknown()
    jail = run.jail(words[0])
    if jail is None:
        run.warn("invalid jail id or name")
        shown = f"\t{verb} <jailid|jailname> <filesystem>"
        raise run.fail(f"usage:\n{shown}\n{USAGE_TAIL}{run.release.zfs_usage_tail}", 2)
    dataset = open_dataset(run, words[1])
    if verb == "jail" and dataset.jail == jail.jid:
        raise run.unknown("what jail says for what the jail has already was never shown")
    dataset.jail = jail.jid if verb == "jail" else 0
    return 0


_VERBS: dict[str, Tool] = {
    "list": listing.list_verb,
    "get": listing.get_verb,
    "send": send.send,
    "receive": send.receive,
    "destroy": destroy.destroy,
    "create": _create,
    "clone": _clone,
    "snapshot": _snapshot,
    "set": change.set_verb,
    "inherit": change.inherit_verb,
    "rename": change.rename_verb,
    "promote": change.promote_verb,
    "load-key": keys.load,
    "unload-key": keys.unload,
    "mount": _mount,
    "umount": _umount,
    "unmount": _umount,
    "jail": lambda run, words: _delegate(run, words, "jail"),
    "unjail": lambda run, words: _delegate(run, words, "unjail"),
}
