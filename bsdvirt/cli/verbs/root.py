"""bsdvirt root"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_json, open_session
from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import print_rows, say
from bsdvirt.ops import pools
from bsdvirt.session.prepared import carry_out_one

COLUMNS = ("name", "dataset", "mountpoint", "state", "used", "available", "guests")


class Options(Globals):
    action: str
    dataset: str
    root: str
    name: str | None
    mountpoint: str | None
    dry_run: bool
    json: bool
    headless: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | ls | rm")
    add = actions.add_parser("add", help="make one on another pool, or list one that is there")
    add.add_argument("dataset", metavar="DATASET", help="such as tank2/bsdvirt")
    add.add_argument("--name", metavar="NAME", help="what it is called (its pool)")
    add.add_argument("--mountpoint", metavar="DIR", help="where it is mounted (/bsdvirt-NAME)")
    add_dry_run(add)
    listing = actions.add_parser("ls", help="list roots")
    listing.add_argument("-H", dest="headless", action="store_true", help="tab-separated")
    add_json(listing)
    remove = actions.add_parser("rm", help="take one from the list; its dataset stays")
    remove.add_argument("root", metavar="NAME | DATASET")
    add_dry_run(remove)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action != "ls")
    match options.action:
        case "add":
            adding = pools.AddRoot(options.dataset, options.name, options.mountpoint)
            done = carry_out_one(session, adding).notes
            if not options.quiet and not options.dry_run:
                for line in done:
                    print(f"made: {line}")
                print(
                    f"ready: bsdvirt create jail NAME --root {options.dataset}" if done
                    else "all was there already"
                )  # fmt: skip
        case "rm":
            notes = carry_out_one(session, pools.RemoveRoot(options.root)).notes
            if not options.quiet and not options.dry_run:
                print(f"{options.root}: removed")
                for note in notes:
                    say(f"{options.root}: note: {note}")
        case _:
            rows = pools.entries(session)
            print_rows(rows, COLUMNS, as_json=options.json, headless=options.headless)
    return 0
