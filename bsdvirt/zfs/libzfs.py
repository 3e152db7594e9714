"""The datasets by py-libzfs, for listings, where the host file says `zfs.backend: libzfs`.

Its constructor crashes the process where libzfs cannot be initialised, so /dev/zfs is
opened first; it holds one lock that does not nest, so handles live for one call only,
and one thread at a time. Where its callback raises (a user property that is not UTF-8 is
enough, or a signal), it drops that dataset and all beneath without a word: so its list is
held against the names that zfs(8) gives, and where it is not whole, zfs(8) is used. Nothing
that plans, repairs, recovers or boots reads through it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bsdvirt.errors import NotFoundError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.zfs.base import Dataset, in_order
from bsdvirt.zfs.cli import KINDS, CliZfs, check_listed, is_shallow, number, word

DEVICE = "/dev/zfs"
PROPERTIES = (
    "type",
    "used",
    "available",
    "referenced",
    "origin",
    "mountpoint",
    "mounted",
    "volsize",
    "jailed",
    "keystatus",
    "encryptionroot",
)
_one_at_a_time = threading.Lock()


def binding(device: Path = Path(DEVICE)) -> ModuleType | None:
    """Return the libzfs module, or None where it is not installed or would crash."""
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
        import libzfs
    except (OSError, ImportError):
        return None
    module: ModuleType = libzfs
    return module


class LibZfs(CliZfs):
    """py-libzfs for listings; zfs(8) for all else, and if the listing is incomplete."""

    def __init__(
        self, host: Host, module: ModuleType, warn: Callable[[str], None] = lambda text: None
    ) -> None:
        super().__init__(host)
        self._module = module
        self._warn = warn

    def datasets(self, root: str, *others: str) -> list[Dataset]:
        roots = tuple(dict.fromkeys((root, *others)))
        try:
            found = self._bound(roots)
        except Exception as error:
            self._warn(f"py-libzfs: {type(error).__name__}: {error}: zfs(8) is used")
            return super().datasets(*roots)
        named = self._names(roots)
        if root not in named:
            raise NotFoundError(f"cannot open '{root}': dataset does not exist")
        if missing := sorted(named ^ {dataset.name for dataset in found}):
            self._warn(f"py-libzfs does not list what zfs(8) does, {missing[0]}: zfs(8) is used")
            return super().datasets(*roots)
        return in_order(found, roots)

    def shallow(self, root: str, *others: str) -> list[Dataset]:
        roots = tuple(dict.fromkeys((root, *others)))
        return [one for one in self.datasets(*roots) if is_shallow(one.name, roots)]

    def _bound(self, roots: tuple[str, ...]) -> list[Dataset]:
        with _one_at_a_time, self._module.ZFS(history=False) as zfs:
            # What does not exist is passed over in silence.
            trees = zfs.datasets_serialized(
                props=list(PROPERTIES), user_props=True, datasets=list(roots)
            )
            return [
                _dataset(entry, is_shallow(entry["name"], roots))
                for tree in trees
                if tree
                for entry in _flat(tree)
            ]

    def _names(self, roots: tuple[str, ...]) -> set[str]:
        argv = (tools.ZFS, "list", "-Hp", "-r", "-t", KINDS, "-o", "name", *roots)
        listed = self._host.run(argv, changes=False)
        check_listed(argv, listed, roots)
        return {name for name in listed.stdout.split("\n") if name}


def _flat(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield tree
    for child in tree.get("children", []):
        yield from _flat(child)


def _dataset(entry: Mapping[str, Any], shallow: bool) -> Dataset:
    def raw(name: str) -> str:
        return str(entry["properties"].get(name, {}).get("rawvalue") or "-")

    def user(name: str, source: str) -> str | None:
        found = entry["properties"].get(name, {})
        return str(found["rawvalue"]) if shallow and found.get("source") == source else None

    return Dataset(
        name=entry["name"],
        kind=entry["type"].lower(),
        used=number(raw("used")) or 0,
        available=number(raw("available")) or 0,
        referenced=number(raw("referenced")) or 0,
        origin=word(raw("origin")),
        mountpoint=word(raw("mountpoint")) if shallow else None,
        mounted=raw("mounted") == "yes",
        volsize=number(raw("volsize")),
        guest=user("bsdvirt:guest", "LOCAL"),
        op=user("bsdvirt:op", "LOCAL"),
        replica=user("bsdvirt:replica", "LOCAL"),
        jailed=raw("jailed") == "on",
        locked=raw("keystatus") == "unavailable",
        encryption_root=word(raw("encryptionroot")),
        received=user("bsdvirt:guest", "RECEIVED"),
    )
