"""The facts of ZFS by py-libzfs, where the binding is there and works.

Its constructor crashes the process where libzfs cannot be initialised, so /dev/zfs is
opened first; it holds one lock that does not nest, so handles live for one call only,
and one thread at a time. What the binding reads dataset by dataset (snapshots, clones)
is left to zfs(8), which lists them in one call.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from bsdvirt.errors import NotFoundError
from bsdvirt.host.base import Host
from bsdvirt.zfs.base import Dataset, in_order
from bsdvirt.zfs.cli import CliZfs, number, word

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


def binding() -> ModuleType | None:
    """The libzfs module, or None where it is not there or would crash."""
    try:
        os.close(os.open("/dev/zfs", os.O_RDWR | os.O_CLOEXEC))
        import libzfs
    except (OSError, ImportError):
        return None
    module: ModuleType = libzfs
    return module


class LibZfs(CliZfs):
    """py-libzfs for the listing that every command begins with."""

    def __init__(self, host: Host, module: ModuleType) -> None:
        super().__init__(host)
        self._module = module

    def datasets(self, root: str, *others: str) -> list[Dataset]:
        with _one_at_a_time, self._module.ZFS(history=False) as zfs:
            # What is not there is passed over in silence.
            trees = zfs.datasets_serialized(
                props=list(PROPERTIES), user_props=True, datasets=[root, *others]
            )
            found = [_dataset(entry) for tree in trees if tree for entry in _flat(tree)]
        if not any(dataset.name == root for dataset in found):
            raise NotFoundError(f"cannot open '{root}': dataset does not exist")
        return in_order(found, (root, *others))

    def local(self, dataset: str, name: str) -> str | None:
        with _one_at_a_time, self._module.ZFS(history=False) as zfs:
            trees = list(
                zfs.datasets_serialized(
                    props=[], user_props=True, datasets=[dataset], retrieve_children=False
                )
            )
            if not trees or not trees[0]:
                return None
            entry = trees[0]["properties"].get(name, {})
            return str(entry["rawvalue"]) if entry.get("source") == "LOCAL" else None


def _flat(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield tree
    for child in tree.get("children", []):
        yield from _flat(child)


def _dataset(entry: Mapping[str, Any]) -> Dataset:
    def raw(name: str) -> str:
        return str(entry["properties"].get(name, {}).get("rawvalue") or "-")

    return Dataset(
        name=entry["name"],
        kind=entry["type"].lower(),
        used=number(raw("used")) or 0,
        available=number(raw("available")) or 0,
        referenced=number(raw("referenced")) or 0,
        origin=word(raw("origin")),
        mountpoint=word(raw("mountpoint")),
        mounted=raw("mounted") == "yes",
        volsize=number(raw("volsize")),
        guest=word(raw("bsdvirt:guest")),
        op=word(raw("bsdvirt:op")),
        jailed=raw("jailed") == "on",
        locked=raw("keystatus") == "unavailable",
        encryption_root=word(raw("encryptionroot")),
    )
