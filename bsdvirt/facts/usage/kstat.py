"""Reads and writes of datasets: the sysctls kstat.zfs.POOL.dataset.objset-0xN.

There is one node for each mounted file system and each volume with a device. It is found by the
number of its objset, which only the kernel sets, never by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural

DEPTH = 2
"""Of datasets beneath guests/: those of guests, their roots, disks and other data."""
_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
"""sysctl(8) takes `.`, `:` and `=` in a pool's name for its own."""


Objset = tuple[str, str, str, str]
"""A dataset, by the sysctls with its counters: bytes read and written, reads and writes."""


def objset(pool: str, number: int) -> Objset:
    """Return the objset of that number in a pool."""
    node = f"kstat.zfs.{pool}.dataset.objset-{number:#x}"
    return (f"{node}.nread", f"{node}.nwritten", f"{node}.reads", f"{node}.writes")


class Io(NamedTuple):
    """Bytes and operations since the dataset was mounted, or its device was made."""

    read: int
    written: int
    reads: int
    writes: int


def read_objsets(host: Host, parents: Iterable[str]) -> dict[str, Objset]:
    """Return the objsets of the datasets beneath these, to a depth of DEPTH, by name."""
    argv = (tools.ZFS, "list", "-Hp", "-d", str(DEPTH), "-t", "filesystem,volume")
    listed = host.run((*argv, "-o", "name,objsetid", *parents), changes=False)
    return parse_objsets(listed.stdout)


def parse_objsets(text: str) -> dict[str, Objset]:
    """Return the objsets of `zfs list -Hp -o name,objsetid`; without those of pools whose names
    sysctl(8) cannot take."""
    found: dict[str, Objset] = {}
    for line in text.split("\n"):
        name, _, number = line.partition("\t")
        pool = name.partition("/")[0]
        known = natural(number)
        if known is not None and _POOL.fullmatch(pool):
            found[name] = objset(pool, known)
    return found


def io_of(objset: Objset, shown: Mapping[str, str]) -> Io | None:
    """Return the counters of a dataset among sysctls; None if it is not mounted."""
    try:
        return Io(*(int(shown[leaf]) for leaf in objset))
    except (KeyError, ValueError):
        return None
