"""Mounting and unmounting datasets, as zfs(8) does it for its own verbs."""

from __future__ import annotations

from collections.abc import Callable

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Jail, is_inconsistent
from bsdvirt_sim.zfs import keys, trees
from bsdvirt_sim.zfs.properties import View


def share_mount(run: Run, name: str, *, explicit: bool) -> int:
    """Run `zfs mount NAME` (explicit), or mount after a create. Return the exit status."""
    dataset = run.state.datasets[name]
    if dataset.kind != "filesystem":
        return 0
    view = View(run)
    mountpoint = view.mountpoint(name)[0]
    canmount = view.get(name, "canmount")[0]
    why = ""
    if view.get(name, "jailed")[0] == "on":
        why = "dataset is exported to a local zone"
    elif mountpoint == "legacy":
        why = "legacy mountpoint\nuse mount(8) to mount this filesystem"
    elif mountpoint == "none":
        why = "no mountpoint set"
    elif canmount == "off":
        why = "'canmount' property is set to 'off'"
    elif canmount == "noauto" and not explicit:
        return 0
    elif keys.locked(run.state, name):
        why = "encryption key not loaded"
    elif is_inconsistent(dataset):
        why = (
            'Contains partially-completed state from "zfs receive -s", which can be resumed with'
            ' "zfs send -t"'
        )
    elif dataset.mounted:
        why = "filesystem already mounted"
    if why:
        if explicit:
            run.warn(f"cannot mount '{name}': {why}")
            return 1
        return 0
    trees.mount(run, name, dataset, mountpoint)
    return 0


def mount_all(run: Run) -> None:
    """Run `zfs mount -a`, as at boot: mount all that may be, parents first."""
    for name in sorted(run.state.datasets):
        if not run.state.datasets[name].mounted:
            share_mount(run, name, explicit=False)


def mount_in_jail(run: Run, jail: Jail) -> None:
    """Run `zfs mount -a` inside a jail: mount its own datasets, beneath its root."""
    view = View(run)
    for name in sorted(run.state.datasets):
        dataset = run.state.datasets[name]
        if name not in _mountable(run, jail) or dataset.mounted or dataset.kind != "filesystem":
            continue
        mountpoint = view.mountpoint(name)[0]
        if mountpoint in ("none", "legacy") or view.get(name, "canmount")[0] != "on":
            continue
        if keys.locked(run.state, name):
            continue
        trees.mount(run, name, dataset, jail.path.rstrip("/") + mountpoint)


def _mountable(run: Run, jail: Jail) -> set[str]:
    """Return what a jail may mount: the datasets it was given, and their descendants."""
    datasets = run.state.datasets
    mine = {name for name, dataset in datasets.items() if dataset.jail == jail.jid}
    return {n for n in datasets for m in mine if n == m or n.startswith(m + "/")}


def set_in_jail(run: Run, jail: Jail, name: str, mountpoint: str) -> None:
    """Run `zfs set mountpoint=` inside a jail: only there, for a jailed dataset, which is
    mounted at its new place at once."""
    dataset = run.state.datasets[name]
    if name not in _mountable(run, jail):
        raise run.unknown("a dataset that is not the jail's")
    if dataset.mounted:
        trees.unmount(run, dataset)
    dataset.props["mountpoint"] = mountpoint
    trees.mount(run, name, dataset, jail.path.rstrip("/") + mountpoint)


def seen_in_jail(run: Run, jail: Jail) -> list[tuple[str, str, bool]]:
    """Return the datasets that a jail sees, its own and their parents: name, mountpoint,
    whether mounted in it."""
    mine = {name for name, dataset in run.state.datasets.items() if dataset.jail == jail.jid}
    names = set(mine)
    for name in mine:
        while "/" in name:
            name = name.rpartition("/")[0]
            names.add(name)
    view = View(run)
    return [
        (name, view.mountpoint(name)[0], name in mine and bool(run.state.datasets[name].mounted))
        for name in sorted(names)
    ]


def unmount_in_jail(run: Run, jail: Jail) -> str:
    """Run `zfs umount -a` inside a jail: unmount its own datasets. Return the dataset that is
    the jail's root, where one is."""
    root = ""
    for name, dataset in run.state.datasets.items():
        if dataset.mounted == jail.path:
            root = name
        elif name in _mountable(run, jail) and dataset.mounted:
            trees.unmount(run, dataset)
    return root


def followers(run: Run, name: str) -> list[str]:
    """Return the mounted datasets that move with `name`: it, and the descendants that inherit
    its mountpoint. Deepest first."""
    found = []
    for other, dataset in run.state.datasets.items():
        if not dataset.mounted or not (other == name or other.startswith(name + "/")):
            continue
        inherits = True
        walk = other
        while walk != name:
            if "mountpoint" in run.state.datasets[walk].props:
                inherits = False
                break
            walk = walk.rpartition("/")[0]
        if inherits:
            found.append(other)
    return sorted(found, reverse=True)


def unmount_one(run: Run, name: str, force: bool) -> bool:
    """Unmount a mounted dataset; print an error and return False where it is busy."""
    dataset = run.state.datasets[name]
    path = dataset.mounted
    if trees.busy(run, path):
        beneath = path.rstrip("/") + "/"
        if force and any(mount.path.startswith(beneath) for mount in run.state.mounts):
            raise run.unknown("a forced unmount with something mounted beneath is not simulated")
        if not force:
            run.warn(f"cannot unmount '{path}': pool or dataset is busy")
            return False
    trees.unmount(run, dataset)
    return True


def unmount_verb(run: Run, name: str, force: bool) -> int:
    """Run `zfs umount NAME`, of a dataset that exists."""
    dataset = run.state.datasets[name]
    if View(run).mountpoint(name)[0] == "legacy":
        run.warn(
            f"cannot unmount '{name}': legacy mountpoint\nuse umount(8) to unmount this filesystem"
        )
        return 1
    if not dataset.mounted:
        run.warn(f"cannot unmount '{name}': not currently mounted")
        return 1
    status = 0
    for other in followers(run, name):
        if not unmount_one(run, other, force):
            status = 1
            break
    return status


def remount(run: Run, name: str, change: Callable[[], object], new: str = "") -> int:
    """Make a change that moves mountpoints: unmount, change, mount at the new places."""
    moving = followers(run, name)
    done: list[str] = []
    old: list[str] = []
    for other in moving:
        path = run.state.datasets[other].mounted
        if not unmount_one(run, other, force=False):
            for back in reversed(done):
                share_mount(run, back, explicit=True)
            return 1
        done.append(other)
        old.append(path)
    change()
    for path in old:
        trees.drop_mountpoint(run, path)
    target = new or name
    for other in reversed(done):
        share_mount(run, target + other[len(name) :], explicit=False)
    if not done and not new:
        share_mount(run, name, explicit=False)
    return 0
