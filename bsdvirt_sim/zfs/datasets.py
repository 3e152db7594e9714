"""Open, name, check and add datasets, for the verbs of zfs(8)."""

from __future__ import annotations

import random
import re

from bsdvirt_sim.context import Exit, Run
from bsdvirt_sim.state import Dataset, Snapshot
from bsdvirt_sim.zfs.properties import BadValue, View, check, find_snapshot
from bsdvirt_sim.zfs.space import EMPTY as EMPTY

_VALID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: ")

_USAGE_TAIL = (
    "\nFor the property list, run: zfs set|get\n"
    "\nFor the delegated permission list, run: zfs allow|unallow"
)


def usage(run: Run, synopsis: str) -> Exit:
    """End the command with its usage text."""
    return run.fail(f"usage:\n{synopsis}\n{_USAGE_TAIL}{run.release.zfs_usage_tail}", 2)


def pool_state(run: Run, name: str) -> tuple[bool, bool]:
    """Whether the dataset's pool is read-only, and whether it is full."""
    pool = run.state.pools[pool_of(name)]
    if pool.readonly:
        return True, False
    parent = name.split("@")[0]
    while parent not in run.state.datasets:
        parent = parent.rpartition("/")[0]
    return False, View(run).space.available(parent) == 0


def family(run: Run, name: str) -> list[str]:
    """Return a dataset and all beneath it, parents first."""
    return [name, *sorted(other for other in run.state.datasets if other.startswith(name + "/"))]


def open_dataset(run: Run, name: str) -> Dataset:
    """Open a dataset as zfs_open(): one that does not exist ends the command."""
    dataset = run.dataset(name)
    if dataset is None:
        raise run.fail(f"cannot open '{name}': dataset does not exist")
    return dataset


def open_snapshot(run: Run, name: str) -> Snapshot:
    """Open a snapshot as zfs_open(): one that does not exist ends the command."""
    snap = find_snapshot(run.state, name)
    if snap is None:
        raise run.fail(f"cannot open '{name}': dataset does not exist")
    return snap


def pool_of(name: str) -> str:
    """Return the pool of a dataset, snapshot or bookmark."""
    return name.split("/")[0].split("@")[0].split("#")[0]


def guid() -> int:
    """Return a new number for a dataset or snapshot. Real ones are 64 random bits (ds_guid in
    dsl_dataset.c); these always have 20 digits, as nearly half of those."""
    return random.randrange(10**19, 2**64)


def invalid_character(name: str) -> str:
    """Return what is wrong with a name's characters; "" if nothing is."""
    for character in re.sub("[@#]", "/", name, count=1).replace("/", ""):
        if character not in _VALID:
            return f"invalid character '{character}' in name"
    return ""


def check_name(run: Run, name: str, action: str) -> None:
    if wrong := invalid_character(name):
        raise run.fail(f"{action}: {wrong}")
    if "" in name.split("/") or name.endswith("@"):
        raise run.unknown("such a name is not simulated")


def properties(run: Run, pairs: list[str], volume: bool, action: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        prop, sign, value = pair.partition("=")
        if not sign or prop in found:
            raise run.unknown(f"property {pair}")
        try:
            found[prop] = check(run, prop, value, volume)
        except BadValue as error:
            raise run.fail(f"{action}: {error}") from None
    return found


def add(run: Run, name: str, props: dict[str, str], kind: str, refer: int) -> Dataset:
    """Add a dataset, not mounted."""
    dataset = Dataset(guid(), kind, run.now(), run.serial(), refer, props)
    run.state.datasets[name] = dataset
    return dataset
