"""Open, name, check and add datasets, for the verbs of zfs(8)."""

from __future__ import annotations

import random

from bsdvirt_sim.context import Run
from bsdvirt_sim.state import Dataset
from bsdvirt_sim.zfs.properties import BadValue, check

_VALID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: ")

EMPTY = 24576
"""Bytes that an empty filesystem uses."""


def open_dataset(run: Run, name: str) -> Dataset:
    """Open a dataset as zfs_open(): one that does not exist ends the command."""
    dataset = run.dataset(name)
    if dataset is None:
        raise run.fail(f"cannot open '{name}': dataset does not exist")
    return dataset


def guid() -> int:
    """Return a new 64-bit number for a dataset or snapshot."""
    return random.getrandbits(63) | 1


def check_name(run: Run, name: str, action: str) -> None:
    for character in name.replace("@", "/", 1).replace("/", ""):
        if character not in _VALID:
            raise run.fail(f"{action}: invalid character '{character}' in name")
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
