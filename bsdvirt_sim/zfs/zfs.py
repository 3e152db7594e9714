"""zfs(8): its verbs, and create, clone, mount, jail."""

from __future__ import annotations

from bsdvirt_sim.context import Run, Tool, options
from bsdvirt_sim.zfs import change, destroy, keys, listing, send, snapshot, trees, volumes
from bsdvirt_sim.zfs.datasets import (
    EMPTY,
    add,
    check_name,
    open_dataset,
    pool_state,
    properties,
    usage,
)
from bsdvirt_sim.zfs.mount import mount_all, share_mount, unmount_verb
from bsdvirt_sim.zfs.properties import BadValue, View, find_snapshot, size

VOLUME_EMPTY = 12288


def zfs(run: Run, words: list[str]) -> int:
    """Run zfs(8)."""
    if not words or words[0] not in _VERBS:
        raise run.unknown()
    return _VERBS[words[0]](run, words[1:])


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
    readonly, full = pool_state(run, name)
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
    snap = find_snapshot(run.state, source)
    if snap is None:
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
        props["volsize"] = str(snap.volsize)
        props["volblocksize"] = View(run).get(source.split("@")[0], "volblocksize")[0]
    dataset = add(run, name, props, kind, snap.refer)
    dataset.origin = source
    if kind == "filesystem":
        trees.copy(
            trees.kept(run, run.state.datasets[source.split("@")[0]], snap),
            trees.store(run, dataset.guid),
        )
    else:
        volumes.restore(run, name, snap.guid)
        volumes.lose(run, name, props)
    return share_mount(run, name, explicit=False)


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
        raise usage(run, f"\t{verb} <jailid|jailname> <filesystem>")
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
    "snapshot": snapshot.snapshot,
    "bookmark": snapshot.bookmark,
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
