"""Snapshots by zfs(8): one `zfs list` for all below some datasets, and the stamps of those that
bsdvirt took, by one `zfs get` (zfs-list(8), zfsprops(7))."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from bsdvirt.errors import CommandError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural
from bsdvirt.zfs.cli import check_listed
from bsdvirt.zfs.values import Value, ask

COLUMNS = (
    "name", "createtxg", "guid", "creation", "used", "referenced", "volsize", "userrefs", "clones",
)  # fmt: skip
"""Only the kernel sets these: no text from a guest is among them."""


class Part(Struct, frozen=True):
    """The snapshot of one dataset. Sizes are in bytes."""

    dataset: str
    name: str
    """What comes after the @."""
    txg: int
    """The transaction group that it was taken in: the same for all that one zfs(8) took."""
    guid: int
    created: int
    """Seconds since 1970."""
    used: int
    """What only it holds."""
    referenced: int
    volsize: int | None = None
    holds: int = 0
    clones: tuple[str, ...] = ()

    @property
    def full(self) -> str:
        """The name as zfs(8) takes it."""
        return f"{self.dataset}@{self.name}"


def read_parts(host: Host, roots: Sequence[str]) -> list[Part]:
    """Return the snapshots of these datasets and of all below them, the oldest first. Datasets
    after the first that do not exist are left out.

    Raises NotFoundError for the first, CommandError.
    """
    argv = (
        tools.ZFS, "list", "-Hp", "-r", "-t", "snapshot", "-o", ",".join(COLUMNS), *roots,
    )  # fmt: skip
    result = host.run(argv, changes=False)
    check_listed(argv, result, roots)
    rows = (line.split("\t") for line in result.stdout.split("\n"))
    parts = {part.full: part for row in rows if (part := _part(row)) is not None}
    return sorted(parts.values(), key=lambda part: (part.txg, part.full))


def _part(row: Sequence[str]) -> Part | None:
    if len(row) != len(COLUMNS) or "@" not in row[0]:
        return None
    name, *numbers, clones = row
    txg, guid, created, used, referenced, volsize, holds = map(natural, numbers)
    dataset, _, short = name.partition("@")
    return Part(
        dataset, short, txg or 0, guid or 0, created or 0, used or 0, referenced or 0, volsize,
        holds or 0, tuple(one for one in clones.split(",") if one not in ("", "-")),
    )  # fmt: skip


def read_values_of(host: Host, datasets: Iterable[str], *properties: str) -> dict[str, list[Value]]:
    """Return the values of user properties of the snapshots of these datasets, without those below
    them, by the snapshot's full name, in the order of `properties`.

    Raises CommandError.
    """
    names = sorted(set(datasets))
    if not names:
        return {}
    found, asked = ask(host, names, properties, "-d", "1", "-t", "snapshot")
    if asked.timed_out or asked.status != 0:
        raise CommandError(asked.argv, asked.status, asked.stderr, timed_out=asked.timed_out)
    return {
        name: [values[prop] for prop in properties]
        for name, values in found.items()
        if "@" in name and len(values) == len(properties)
    }
