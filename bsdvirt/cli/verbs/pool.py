"""bsdvirt pool"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_listing, open_session
from bsdvirt.cli.output import print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.ops import pools
from bsdvirt.session.prepared import carry_out_one

COLUMNS = ("name", "dataset", "mountpoint", "state", "used", "available", "guests")


class Options(Globals):
    action: str
    dataset: str
    pool: str
    name: str | None
    mountpoint: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | ls | rm")
    add = actions.add_parser("add", help="add a pool: create its dataset, or use an existing one")
    add.add_argument("dataset", metavar="DATASET", help="such as tank2/bsdvirt")
    add.add_argument("--name", metavar="NAME", help="name of the pool (default: that of the zpool)")
    add.add_argument("--mountpoint", metavar="DIR", help="mount point (default: /bsdvirt-NAME)")
    add_dry_run(add)
    add_listing(actions.add_parser("ls", help="list pools"))
    remove = actions.add_parser("rm", help="remove a pool from the list; its dataset is kept")
    remove.add_argument("pool", metavar="NAME | DATASET")
    add_dry_run(remove)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action != "ls")
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
        case _:
            rows = pools.entries(session)
            print_rows(rows, COLUMNS, options)
    return 0
