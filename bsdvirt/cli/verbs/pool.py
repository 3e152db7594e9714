"""bsdvirt pool"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bsdvirt.cli.common import add_dry_run, add_listing, open_session
from bsdvirt.cli.output import print_info, print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.ops import pools
from bsdvirt.ops.show.storage import storage
from bsdvirt.rows.storage import DatasetRow, OwnerRow
from bsdvirt.session.prepared import carry_out_one
from bsdvirt.session.session import Session

COLUMNS = ("name", "dataset", "mountpoint", "state", "used", "available", "guests")
POOLS = (
    "name", "health", "size", "allocated", "free", "capacity", "fragmentation", "guests",
    "library", "other", "scan",
)  # fmt: skip
OWNERS = ("used", "zpool", "kind", "name", "snapshots", "reserved", "volsize", "quota", "why")
DATASETS = (
    "used", "data", "snapshots", "reserved", "referenced", "volsize", "quota", "compressratio",
    "name", "origin",
)  # fmt: skip
READS = ("ls", "usage")


class Options(Globals):
    action: str
    dataset: str
    pool: str
    name: str | None
    mountpoint: str | None
    datasets: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | ls | usage | rm")
    add = actions.add_parser("add", help="add a pool: create its dataset, or use an existing one")
    add.add_argument("dataset", metavar="DATASET", help="such as tank2/bsdvirt")
    add.add_argument("--name", metavar="NAME", help="name of the pool (default: that of the zpool)")
    add.add_argument("--mountpoint", metavar="DIR", help="mount point (default: /bsdvirt-NAME)")
    add_dry_run(add)
    add_listing(actions.add_parser("ls", help="list pools"))
    usage = actions.add_parser("usage", help="show what takes the space of the pools")
    usage.add_argument(
        "-d", "--datasets", action="store_true", help="list datasets, each without those below it"
    )
    add_listing(usage)
    remove = actions.add_parser("rm", help="remove a pool from the list; its dataset is kept")
    remove.add_argument("pool", metavar="NAME | DATASET")
    add_dry_run(remove)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action not in READS)
    match options.action:
        case "add":
            adding = pools.AddPool(options.dataset, options.name, options.mountpoint)
            done = carry_out_one(session, adding).notes
            if not options.quiet and not options.dry_run:
                for line in done:
                    print(f"set up: {line}")
                print(
                    f"ready: bsdvirt create jail NAME --pool {options.dataset}" if done
                    else "already set up; nothing was changed"
                )  # fmt: skip
        case "rm":
            notes = carry_out_one(session, pools.RemovePool(options.pool)).notes
            if not options.quiet and not options.dry_run:
                print(f"{options.pool}: removed")
                for note in notes:
                    say(f"{options.pool}: note: {note}")
        case "usage":
            _print_usage(session, options)
        case _:
            rows = pools.entries(session)
            print_rows(rows, COLUMNS, options)
    return 0


def _print_usage(session: Session, options: Options) -> None:
    """Print the pools and what takes their space; with -H, the latter only."""
    found = storage(session)
    if options.json:
        print_info(found, options)
        return
    if not options.headless:
        print_rows(found.zpools, POOLS, options)
        print()
    if options.datasets:
        print_rows(_datasets(found.owners), DATASETS, options)
    else:
        print_rows(found.owners, OWNERS, options)


def _datasets(owners: Sequence[OwnerRow]) -> list[DatasetRow]:
    """Return all datasets, those first that take the most without those below them."""
    every = [dataset for owner in owners for dataset in owner.datasets]
    return sorted(every, key=lambda row: (row.children - row.used, row.name))
