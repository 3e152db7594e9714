"""zfs hold, holds, release."""

from __future__ import annotations

import time

from bsdvirt_sim.context import Run, options
from bsdvirt_sim.state import Snapshot
from bsdvirt_sim.zfs.datasets import family, pool_of
from bsdvirt_sim.zfs.destroy import finish_deferred
from bsdvirt_sim.zfs.properties import find_snapshot


def hold(run: Run, words: list[str]) -> int:
    """Run `zfs hold`."""
    run.changes()
    flags, rest = options(run, words, "r")
    if len(rest) < 2 or rest[0].startswith("."):
        raise run.unknown()
    done = [_hold(run, rest[0], name, "r" in flags) for name in rest[1:]]
    return 0 if all(done) else 1


def release(run: Run, words: list[str]) -> int:
    """Run `zfs release`."""
    run.changes()
    flags, rest = options(run, words, "r")
    if len(rest) < 2:
        raise run.unknown()
    done = [_release(run, rest[0], name, "r" in flags) for name in rest[1:]]
    finish_deferred(run)
    return 0 if all(done) else 1


def _named(run: Run, name: str, recursive: bool) -> dict[str, Snapshot] | None:
    """Return the snapshots that a name stands for; None after an error."""
    parent, at, short = name.partition("@")
    if not at:
        run.warn(f"'{name}' is not a snapshot")
        return None
    if run.dataset(parent) is None:
        run.warn(f"cannot open '{parent}': dataset does not exist")
        return None
    members = family(run, parent) if recursive else [parent]
    names = [f"{member}@{short}" for member in members]
    return {full: snap for full in names if (snap := find_snapshot(run.state, full))}


def _hold(run: Run, tag: str, name: str, recursive: bool) -> bool:
    found = _named(run, name, recursive)
    if found is None:
        return False
    if not found:
        run.warn(f"cannot hold snapshot '{name}': dataset does not exist")
        return False
    if run.state.pools[pool_of(name)].readonly:
        run.warn("cannot hold: pool is read-only")
        return False
    for full, snap in found.items():
        if tag in snap.holds:
            run.warn(f"cannot hold snapshot '{full}': tag already exists on this dataset")
            return False
    for snap in found.values():
        snap.holds[tag] = run.now()
    return True


def _release(run: Run, tag: str, name: str, recursive: bool) -> bool:
    found = _named(run, name, recursive)
    if found is None:
        return False
    held = [snap for snap in found.values() if tag in snap.holds]
    if not held:
        why = "no such tag on this dataset" if found else "dataset does not exist"
        run.warn(f"cannot release hold from snapshot '{name}': {why}")
        return False
    if run.state.pools[pool_of(name)].readonly:
        run.warn("cannot release: pool is read-only")
        return False
    for snap in held:
        del snap.holds[tag]
    return True


def holds(run: Run, words: list[str]) -> int:
    """Run `zfs holds -H`."""
    run.reads()
    flags, rest = options(run, words, "rHp")
    if not rest or "H" not in flags or ("p" in flags and not run.release.zfs_holds_in_seconds):
        raise run.unknown()
    status = 0
    found: dict[str, Snapshot] = {}
    for name in rest:
        parent, at, _ = name.partition("@")
        if not at:
            run.warn(f"'{name}' is not a snapshot")
            status = 1
        elif "r" not in flags and find_snapshot(run.state, name) is None:
            run.warn(f"cannot open '{name}': dataset does not exist")
            status = 1
        elif "r" in flags and run.dataset(parent) is None:
            run.warn(f"cannot open '{parent}': dataset does not exist")
            status = 1
        else:
            found |= _named(run, name, "r" in flags) or {}
    for full, snap in found.items():
        for tag, when in snap.holds.items():
            clock = time.strftime("%a %b %e %H:%M %Y", time.localtime(when))
            run.print(f"{full}\t{tag}\t{when if 'p' in flags else clock}")
    if not found:
        run.warn("no datasets available")
    return status
