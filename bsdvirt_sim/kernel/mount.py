"""mount(8), umount(8) and the mount table."""

from __future__ import annotations

import os

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.kernel.mountflags import flags as flags_of
from bsdvirt_sim.libxo import quoted
from bsdvirt_sim.state import Mount
from bsdvirt_sim.zfs import trees

_OWN_NAME = {"devfs", "fdescfs", "linprocfs", "linsysfs", "procfs", "tmpfs"}
_FLAGS = ("noexec", "nosuid", "noatime", "nosymfollow")
"""In the order in which mount(8) shows them (flags2opts in mount.c)."""


def _pad(text: str) -> str:
    tabs = "".join("\t" for width in (8, 16) if len(text) < width)
    return text + tabs + ("\t" if len(text) < 24 else " ")


_WORDS = {"ro": "read-only", "nfsv4acls": "nfsv4acls"}


def _json(run: Run, entry: Mount) -> str:
    """Format a mount as prmount in mount.c, each byte of a name as a character (%hs in the C
    locale)."""
    special, node = (_text(name) for name in (entry.special, entry.path))
    shown = [_WORDS.get(word, word) for word in flags_of(run, entry).split(",") if word != "rw"]
    opts = f',"opts": [{",".join(quoted(word) for word in shown)}]' if shown else ""
    kind = quoted(entry.kind)
    return f'{{"special":{special},"node":{node},"fstype":{kind}{opts}}}'


def _text(name: str) -> str:
    return quoted(os.fsencode(name).decode("latin-1"))


def mount(run: Run, words: list[str]) -> int:
    """Run mount(8): print the table, or mount."""
    if words == ["--libxo", "json"]:
        run.reads()
        rows = ", ".join(_json(run, entry) for entry in run.state.mounts)
        run.print('{"mount": {"mounted": [' + rows + "]}}")
        return 0
    if words == ["-p"]:
        run.reads()
        for entry in run.state.mounts:
            shown = flags_of(run, entry)
            kept = shown + ("\t" if len(shown) < 8 else " ")
            run.print(f"{_pad(entry.special)}{_pad(entry.path)}{entry.kind}\t{kept}\t{entry.fsck}")
        return 0
    run.changes()
    flags, rest = options(run, words, "", "to")
    kind = flags.get("t", [""])[-1]
    if len(rest) != 2 or kind not in _OWN_NAME | {"nullfs"}:
        raise run.unknown()
    special, path = rest
    given = [word for group in flags.get("o", []) for word in group.split(",")]
    ruleset, readonly = "", False
    flagged: set[str] = set()
    for word in given:
        name, _, value = word.partition("=")
        if name == "ruleset" and kind == "devfs":
            ruleset = value
        elif name in ("ro", "rw"):
            readonly = name == "ro"
        elif kind == "fdescfs" and name == "linrdlnk":
            continue
        elif name in _FLAGS and not value:
            flagged.add(name)
        elif not (kind == "tmpfs" and name in ("size", "mode", "uid", "gid", "inodes")):
            raise run.unknown(f"option {word}")
    if kind == "nullfs":
        for place in (special, path):
            if not run.path(trees.lower(run, place)).exists():
                raise run.fail(f"mount_nullfs: {place}: No such file or directory", 64)
        lower, upper = (run.path(trees.lower(run, place)) for place in (special, path))
        if lower.is_dir() != upper.is_dir():
            alike = f"{path}: must be same type as {special} (file or directory)"
            raise run.fail(f"mount_nullfs: {alike}", 64)
    elif not run.path(trees.lower(run, path)).is_dir():
        raise run.unknown(f"{path} is no directory")
    run.state.mounts.append(
        Mount(
            special if kind == "nullfs" else kind,
            path,
            kind,
            ",".join(("ro" if readonly else "rw", *(f for f in _FLAGS if f in flagged))),
            ruleset=ruleset,
        )
    )
    if kind == "devfs" and not any(m.path == path + "/fd" for m in run.state.mounts):
        # /dev has a directory fd, on which fdescfs may be mounted.
        (run.path(path) / "fd").mkdir(exist_ok=True)
    return 0


def umount(run: Run, words: list[str]) -> int:
    """Run umount(8) of one path."""
    run.changes()
    flags, rest = options(run, words, "f", "t")
    if len(rest) != 1 or not rest[0].startswith("/"):
        raise run.unknown()
    path = rest[0].rstrip("/") or "/"
    found = [entry for entry in run.state.mounts if entry.path == path]
    if not found:
        real = run.path(path)
        if real.is_dir():
            raise run.fail(f"umount: {path}: not a file system root directory")
        if not real.exists():
            run.warn(f"umount: {path}: statfs: No such file or directory")
        raise run.fail(f"umount: {path}: unknown file system")
    entry = found[-1]
    if "t" in flags and entry.kind not in flags["t"]:
        return 1
    if path in ("/", "/dev", "/tmp"):
        raise run.unknown("the host's own")
    force = "f" in flags
    beneath = path.rstrip("/") + "/"
    covered = any(other.path.startswith(beneath) for other in run.state.mounts)
    if force and covered:
        raise run.unknown("a forced unmount with something mounted beneath is not simulated")
    if not force and (covered or trees.busy(run, path) or _open(run, entry)):
        raise run.fail(f"umount: unmount of {path} failed: Device busy")
    if entry.kind == "zfs":
        dataset = next(d for d in run.state.datasets.values() if d.mounted == path)
        trees.unmount(run, dataset)
    else:
        # The last one of several at a path.
        del run.state.mounts[len(run.state.mounts) - 1 - run.state.mounts[::-1].index(entry)]
        run.state.copied.pop(path, None)
        if entry.kind == "devfs":
            trees.drop_mountpoint(run, path + "/fd")
            trees.drop_mountpoint(run, path + "/shm")
    return 0


def _open(run: Run, entry: Mount) -> bool:
    """Whether processes of a jail have files of its /dev open."""
    return entry.kind == "devfs" and any(
        jail.processes and entry.path == jail.path.rstrip("/") + "/dev"
        for jail in run.state.jails.values()
    )
