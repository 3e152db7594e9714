"""The files of datasets: directories of the host where mounted, or else a hidden store."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from bsdvirt_sim import snapdir
from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset, Mount, Snapshot


def lower(run: Run, path: str) -> str:
    """Return the real place of a path: for one in a nullfs mount, that in its source."""
    for mount in reversed(run.state.mounts):
        if mount.kind == "nullfs" and path.startswith(mount.path + "/"):
            return lower(run, mount.special + path[len(mount.path) :])
    return path


def resolve(run: Run, path: str) -> str:
    """Resolve a path as namei(9): follow links within the host, without dots or a final slash."""
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
    """Return the directory of the hidden files called `name`."""
    return run.directory / "store" / str(name)


def copy(
    source: Path, target: Path, skip: frozenset[str] = frozenset(), like: Path | None = None
) -> None:
    """Copy a tree with its modes and links. `skip`: directories (by path) with another file
    system mounted there, whose content is not copied. `like`: an older copy that never changes;
    files that are the same there are linked."""
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
                    there.mkdir(exist_ok=True)
                else:
                    copy(Path(entry.path), there, skip, like and like / entry.name)
            elif entry.is_file(follow_symlinks=False) and not (
                like is not None and _link_same(entry, like / entry.name, there)
            ):
                _copy_file(entry.path, there)


def _link_same(entry: os.DirEntry[str], old: Path, target: Path) -> bool:
    """Link the older copy of a file that was not changed since."""
    now = entry.stat(follow_symlinks=False)
    try:
        then = old.lstat()
    except OSError:
        return False
    if (now.st_mode, now.st_size, now.st_mtime_ns) != (
        then.st_mode, then.st_size, then.st_mtime_ns
    ):  # fmt: skip
        return False
    os.link(old, target, follow_symlinks=False)
    return True


def _copy_file(source: str, target: Path) -> None:
    # Copied, not linked: users edit files of the demo's jails in place.
    with open(source, "rb") as stream:
        data = stream.read()
        status = os.fstat(stream.fileno())
    mode = status.st_mode & 0o7777
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(descriptor, data)
        os.fchmod(descriptor, mode)
        # The same time says that it is the same file: see space.py.
        os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a tree, regardless of modes; one that does not exist is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)


def kept(run: Run, dataset: Dataset, snapshot: Snapshot) -> Path:
    """Return the directory with the files of a snapshot, or the file with a volume's data."""
    return snapdir.place(run.directory, dataset.guid) / "snapshot" / snapshot.name


def table(run: Run, dataset: Dataset, name: str) -> Path:
    """Return the file that lists what a snapshot (NAME) or a bookmark (#NAME) holds."""
    return store(run, f"tables-{dataset.guid}") / name


def move_kept(run: Run, old: Dataset, name: str, new: Dataset, snap: Snapshot) -> None:
    """Move the data of a snapshot that was called `name` to its dataset and name of now."""
    for source, target in (
        (snapdir.place(run.directory, old.guid) / "snapshot" / name, kept(run, new, snap)),
        (table(run, old, name), table(run, new, snap.name)),
    ):
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)


def drop_kept(run: Run, dataset: Dataset, snap: Snapshot) -> None:
    """Remove the data of a snapshot."""
    place = kept(run, dataset, snap)
    if place.is_dir():
        remove(place)
    else:
        place.unlink(missing_ok=True)
    table(run, dataset, snap.name).unlink(missing_ok=True)


def drop_all(run: Run, dataset: Dataset) -> None:
    """Remove everything in the store of a dataset."""
    remove(store(run, dataset.guid))
    remove(snapdir.place(run.directory, dataset.guid))
    remove(store(run, f"tables-{dataset.guid}"))
    store(run, f"received-{dataset.guid}").unlink(missing_ok=True)


def live(run: Run, dataset: Dataset) -> Path:
    """Return the directory with a dataset's current files."""
    return run.path(dataset.mounted) if dataset.mounted else store(run, dataset.guid)


def within(run: Run, dataset: Dataset) -> frozenset[str]:
    """Return the directories (of this machine) in a dataset where another is mounted."""
    return frozenset(
        str(run.path(mount.path))
        for mount in run.state.mounts
        if dataset.mounted and mount.path.startswith(dataset.mounted.rstrip("/") + "/")
    )


def snapshot(run: Run, dataset: Dataset, snap: Snapshot) -> None:
    """Keep the dataset's current files as those of a snapshot."""
    # A command that was killed may have left some.
    remove(kept(run, dataset, snap))
    place = kept(run, dataset, snap)
    copy(live(run, dataset), place, within(run, dataset), _latest(run, dataset))


def _latest(run: Run, dataset: Dataset) -> Path | None:
    """Return the files of the latest snapshot, or of the origin."""
    if dataset.snaps:
        return kept(run, dataset, dataset.snaps[-1])
    parent, _, short = dataset.origin.partition("@")
    origin = run.state.datasets.get(parent)
    for snap in origin.snaps if origin else ():
        if origin and snap.name == short:
            return kept(run, origin, snap)
    return None


def restore(run: Run, dataset: Dataset, snap: Snapshot) -> None:
    """Make the files of a snapshot the dataset's, in place. Directories where another file system
    is mounted stay."""
    place, skip = live(run, dataset), within(run, dataset)
    _clear(place, skip)
    copy(kept(run, dataset, snap), place, skip)


def _clear(place: Path, skip: frozenset[str]) -> None:
    for entry in list(os.scandir(place)) if place.is_dir() else ():
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.path)
        elif any(path == entry.path or path.startswith(f"{entry.path}/") for path in skip):
            if entry.path not in skip:
                _clear(Path(entry.path), skip)
        else:
            remove(Path(entry.path))


def mount(run: Run, name: str, dataset: Dataset, path: str) -> None:
    """Put a dataset's files in place, and add a line to the mount table."""
    target = run.path(path)
    if target.is_dir():
        try:
            target.rmdir()
        except OSError:
            # Existing files there are hidden while the dataset is mounted over them.
            target.rename(store(run, f"covered-{dataset.guid}"))
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = store(run, dataset.guid)
    if hidden.is_dir():
        hidden.rename(target)
    else:
        target.mkdir()
    dataset.mounted = path
    (snapdir.place(run.directory, dataset.guid) / "snapshot").mkdir(parents=True, exist_ok=True)
    run.state.mounts.append(Mount(name, path, "zfs", "rw,nfsv4acls"))


def unmount(run: Run, dataset: Dataset) -> None:
    """Move a dataset's files to the store and remove its line of the mount table."""
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
    """Whether a mount at `path` is busy: by a mount beneath it, a nullfs mount of a directory
    in it, or a jail with its root in it."""
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
    """Return the mount point of the file system that holds a directory."""
    around = [
        mount.path
        for mount in run.state.mounts
        if f"{path}/".startswith(mount.path.rstrip("/") + "/")
    ]
    return max(around, key=len, default="/")
