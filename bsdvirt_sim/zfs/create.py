"""zfs create."""

from __future__ import annotations

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.zfs import keys, volumes
from bsdvirt_sim.zfs.datasets import EMPTY, add, check_name, pool_state, properties
from bsdvirt_sim.zfs.mount import share_mount
from bsdvirt_sim.zfs.properties import BadValue, View, size

VOLUME_EMPTY = 12288


def check_parents(run: Run, name: str, action: str) -> None:
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


def create(run: Run, words: list[str]) -> int:
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
        create_ancestors(run, name)
    check_parents(run, name, action)
    if name in run.state.datasets:
        raise run.fail(f"{action}: dataset already exists")
    room(run, name, action)
    left = View(run).space.available(name.rpartition("/")[0])
    if volume:
        try:
            props["volsize"] = str(size(flags["V"][0]))
        except BadValue as error:
            raise run.fail(f"{action}: {error}") from None
        if "s" not in flags:
            props.setdefault("refreservation", props["volsize"])
    if int(props.get("refreservation", "0")) > left or int(props.get("reservation", "0")) > left:
        raise run.fail(f"{action}: out of space")
    if "encryption" in props and not {"keyformat", "keylocation"} <= props.keys():
        raise run.unknown("a key that is asked for is not simulated")
    add(run, name, props, "volume" if volume else "filesystem", VOLUME_EMPTY if volume else EMPTY)
    run.state.datasets[name].key = "encryption" in props
    if volume:
        volumes.appear(run, name)
        volumes.lose(run, name, props)
    return share_mount(run, name, explicit=False)


def create_ancestors(run: Run, name: str) -> None:
    parts = name.split("/")
    for depth in range(2, len(parts)):
        ancestor = "/".join(parts[:depth])
        if ancestor not in run.state.datasets:
            action = f"cannot create '{ancestor}'"
            check_parents(run, ancestor, action)
            room(run, ancestor, action)
            add(run, ancestor, {}, "filesystem", EMPTY)
            share_mount(run, ancestor, explicit=False)


def room(run: Run, name: str, action: str) -> None:
    readonly, full = pool_state(run, name)
    if readonly:
        raise run.fail(f"{action}: pool is read-only")
    if full:
        raise run.fail(f"{action}: out of space")
