"""The files of datasets: directories of the host where mounted, else in a hidden store."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Mount


def lower(run: Run, path: str) -> str:
    """Where what is seen at a path really lies: what is seen in a nullfs, in its source."""
    for mount in reversed(run.state.mounts):
        if mount.kind == "nullfs" and path.startswith(mount.path + "/"):
            return lower(run, mount.special + path[len(mount.path) :])
    return path


def resolve(run: Run, path: str) -> str:
    """A path as namei(9) finds it: links followed within the host, no dots, no slash at its
    end."""
    done: list[str] = []
    left = [part for part in path.split("/") if part not in ("", ".")]
    for _ in range(1000):
        if not left:
            break
        part = left.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        real = run.path("/" + "/".join([*done, part]))
        if not real.is_symlink():
            done.append(part)
            continue
        target = os.readlink(real)
        done = [] if target.startswith("/") else done
        left = [word for word in target.split("/") if word not in ("", ".")] + left
    return "/" + "/".join(done)


def store(run: Run, name: object) -> Path:
    """Where the hidden files called `name` lie."""
    return run.directory / "store" / str(name)


def copy(source: Path, target: Path, skip: frozenset[str] = frozenset()) -> None:
    """Copy a tree with its modes and links; `skip` are directories (by path) whose
    content belongs to something else that is mounted there."""
    if not source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.mkdir(parents=True, exist_ok=True)
    os.chmod(target, source.stat().st_mode & 0o7777)
    with os.scandir(source) as entries:
        for entry in entries:
            there = target / entry.name
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), there)
            elif entry.is_dir(follow_symlinks=False):
                if entry.path in skip:
                    there.mkdir()
                else:
                    copy(Path(entry.path), there, skip)
            elif entry.is_file(follow_symlinks=False):
                _copy_file(entry.path, there)


def _copy_file(source: str, target: Path) -> None:
    # Copied, not linked: people edit files of the demo's jails in place.
    with open(source, "rb") as stream:
        data = stream.read()
        mode = os.fstat(stream.fileno()).st_mode & 0o7777
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(descriptor, data)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a tree, whatever its modes; one that is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)


def snapshot(run: Run, dataset: Dataset, guid: int) -> None:
    """Put the dataset's files as they are now away, under the snapshot's guid."""
    place = run.path(dataset.mounted) if dataset.mounted else store(run, dataset.guid)
    skip = frozenset(
        str(run.path(mount.path))
        for mount in run.state.mounts
        if dataset.mounted and mount.path.startswith(dataset.mounted.rstrip("/") + "/")
    )
    copy(place, store(run, guid), skip)


def mount(run: Run, name: str, dataset: Dataset, path: str) -> None:
    """Put a dataset's files in place, and a line into the mount table."""
    target = run.path(path)
    if target.is_dir():
        try:
            target.rmdir()
        except OSError:
            # What lies there is hidden while the dataset is mounted over it.
            target.rename(store(run, f"covered-{dataset.guid}"))
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = store(run, dataset.guid)
    if hidden.is_dir():
        hidden.rename(target)
    else:
        target.mkdir()
    dataset.mounted = path
    run.state.mounts.append(Mount(name, path, "zfs", "rw,nfsv4acls"))


def unmount(run: Run, dataset: Dataset) -> None:
    """Take a dataset's files away and drop its line of the mount table."""
    path = dataset.mounted
    target = run.path(path)
    if target.is_dir():
        target.rename(store(run, dataset.guid))
    covered = store(run, f"covered-{dataset.guid}")
    if covered.is_dir():
        covered.rename(target)
    else:
        target.mkdir(parents=True, exist_ok=True)
    run.state.mounts = [
        mount for mount in run.state.mounts if not (mount.kind == "zfs" and mount.path == path)
    ]
    dataset.mounted = ""


def drop_mountpoint(run: Run, path: str) -> None:
    """Remove an empty directory that was a mountpoint."""
    with contextlib.suppress(OSError):
        run.path(path).rmdir()


def busy(run: Run, path: str) -> bool:
    """Whether something mounted at `path` is in use: by a mount beneath it, by a nullfs of
    something in it, or by a jail whose root lies in it."""
    beneath = path.rstrip("/") + "/"
    return (
        any(mount.path.startswith(beneath) for mount in run.state.mounts)
        or any(
            mount.kind == "nullfs" and f"{mount.special}/".startswith(beneath)
            for mount in run.state.mounts
            if _holder(run, mount.special) == path
        )
        or any(
            jail.path == path or jail.path.startswith(beneath) for jail in run.state.jails.values()
        )
    )


def _holder(run: Run, path: str) -> str:
    """Where the file system is mounted that a directory lies in."""
    around = [
        mount.path
        for mount in run.state.mounts
        if f"{path}/".startswith(mount.path.rstrip("/") + "/")
    ]
    return max(around, key=len, default="/")
