"""Reads and writes of datasets: the sysctls kstat.zfs.POOL.dataset.objset-0xN.

There is one node for each mounted file system and each volume with a device. It is found by the
number of its objset, which only the kernel sets, never by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural

LEAVES = ("nread", "nwritten", "reads", "writes")
DEPTH = 2
"""Of datasets beneath guests/: those of guests, their roots, disks and other data."""
_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
"""sysctl(8) takes `.`, `:` and `=` in a pool's name for its own."""


@dataclass(frozen=True, slots=True)
class Objset:
    """The objset of a dataset."""

    pool: str
    number: int

    @property
    def node(self) -> str:
        return f"kstat.zfs.{self.pool}.dataset.objset-{self.number:#x}"


@dataclass(frozen=True, slots=True)
class Io:
    """Bytes and operations since the dataset was mounted, or its device was made."""

    read: int
    written: int
    reads: int
    writes: int

    def __add__(self, other: Io) -> Io:
        return Io(
            self.read + other.read,
            self.written + other.written,
            self.reads + other.reads,
            self.writes + other.writes,
        )


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
        objset = natural(number)
        if objset is not None and _POOL.fullmatch(pool):
            found[name] = Objset(pool, objset)
    return found


def leaves(objsets: Iterable[Objset]) -> list[str]:
    """Return the sysctls with the counters of these."""
    return [f"{objset.node}.{leaf}" for objset in objsets for leaf in LEAVES]


def io_of(objset: Objset, shown: Mapping[str, str]) -> Io | None:
    """Return the counters of a dataset among sysctls; None if it is not mounted."""
    node = objset.node
    try:
        return Io(*(int(shown[f"{node}.{leaf}"]) for leaf in LEAVES))
    except (KeyError, ValueError):
        return None
