"""What the removal of snapshots frees, and who holds them, by zfs(8) (zfs-destroy(8),
zfs-hold(8))."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.spec.digits import natural

MOST_NAMES = 1000
"""Snapshots of a dataset that one command is asked about: their names are one argument."""
SECONDS = 600.0


def read_reclaim(
    host: Host, dataset: str, names: Sequence[str], *, recursive: bool = False
) -> int | None:
    """Return the bytes that the pool gets back if the snapshots with these names are destroyed, of
    a dataset or also of all below it. None if they cannot be, such as one with clones."""
    freed = 0
    for start in range(0, len(names), MOST_NAMES):
        some = ",".join(names[start : start + MOST_NAMES])
        flags = "-nvpr" if recursive else "-nvp"
        argv = (tools.ZFS, "destroy", flags, f"{dataset}@{some}")
        result = host.run(argv, changes=False, timeout=SECONDS)
        amounts = [_amount(line) for line in result.stdout.split("\n")]
        found = [amount for amount in amounts if amount is not None]
        if result.status != 0 or result.timed_out or not found:
            return None
        freed += sum(found)
    return freed


def _amount(line: str) -> int | None:
    word, tab, number = line.partition("\t")
    return natural(number) if tab and word == "reclaim" else None


def read_holds(host: Host, snapshots: Iterable[str]) -> dict[str, list[str]]:
    """Return the tags of the holds of snapshots, by full name. Only for those that no jail can
    hold: a tag may contain line feeds, and so pass for the rows of others."""
    names = sorted(set(snapshots))
    found: dict[str, list[str]] = {name: [] for name in names}
    if names:
        # 13.2 knows no -p.
        result = host.run((tools.ZFS, "holds", "-H", *names), changes=False, timeout=SECONDS)
        for line in result.stdout.split("\n"):
            name, tab, rest = line.partition("\t")
            if tab and name in found:
                found[name].append(_tag(rest))
    return found


def read_holds_of(host: Host, snapshot: str) -> list[str]:
    """Return the tags of the holds of one snapshot, which a jail may have set: whatever is printed
    is of this one."""
    argv = (tools.ZFS, "holds", "-H", snapshot)
    result = host.run(argv, changes=False, timeout=SECONDS)
    _, *rows = f"\n{result.stdout}".split(f"\n{snapshot}\t")
    return [_tag(row) for row in rows]


def _tag(row: str) -> str:
    """Return what comes before the time."""
    return row.rpartition("\t")[0]
