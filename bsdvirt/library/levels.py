"""The patch levels of releases, which new jails are made of."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bsdvirt.errors import NotFoundError
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.layout import Layout
from bsdvirt.library.plans.entries import BASE
from bsdvirt.library.plans.releases import VERSION_PROPERTY
from bsdvirt.session.session import Session
from bsdvirt.zfs.cli import check_listed


class Level(Struct, frozen=True):
    """A patch level of a release: a snapshot of its dataset that jails are clones of. The first is
    @base, as the release was added; each update adds one, such as @p3."""

    dataset: str
    name: str
    txg: int
    version: str = ""
    """Such as 14.3-RELEASE-p2; empty if only the files in it tell."""

    @property
    def snapshot(self) -> str:
        return f"{self.dataset}@{self.name}"


def read_levels(host: Host, datasets: Sequence[str]) -> dict[str, list[Level]]:
    """Return the patch levels of these datasets of releases, the oldest first, by one command.
    Snapshots of other tools are not among them.

    Raises NotFoundError, CommandError.
    """
    levels: dict[str, list[Level]] = {dataset: [] for dataset in datasets}
    if not levels:
        return levels
    columns = f"name,createtxg,{VERSION_PROPERTY}"
    argv = (tools.ZFS, "list", "-Hp", "-d", "1", "-t", "snapshot", "-o", columns, *levels)
    result = host.run(argv, changes=False)
    check_listed(argv, result, list(levels))
    for row in result.stdout.split("\n"):
        full, _, rest = row.partition("\t")
        txg, _, version = rest.partition("\t")
        dataset, _, name = full.partition("@")
        version = "" if version == "-" else version
        if dataset in levels and txg.isdigit() and (version or name == BASE):
            levels[dataset].append(Level(dataset, name, int(txg), version))
    return {one: sorted(held, key=lambda level: level.txg) for one, held in levels.items()}


def newest(host: Host, dataset: str) -> Level:
    """Return the patch level that new jails are clones of. Raises NotFoundError."""
    levels = read_levels(host, (dataset,))[dataset]
    if not levels:
        raise NotFoundError(
            f"{dataset} has no snapshot @{BASE}", f"zfs snapshot {dataset}@{BASE} takes one"
        )
    return levels[-1]


def is_there(session: Session, release: str, pool: Layout) -> bool:
    """Whether a release has files on a pool, and no operation on it is unfinished. A look without
    zfs(8): what matters is checked once the release is locked."""
    files = session.host.fs.listdir(pool.release_directory(release))
    return bool(files) and release not in session.pending("release")
