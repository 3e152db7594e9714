"""bsdvirt media"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_listing, open_session, say_done
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.library import media

COLUMNS = ("name", "size", "changed", "guests")


class Options(Globals):
    action: str
    source: str
    name: str | None
    checksum: str


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | ls | rm")
    add = actions.add_parser("add", help="copy an ISO file, or download one")
    add.add_argument("source", metavar="FILE | https://HOST/FILE")
    add.add_argument("--name", metavar="NAME", help="default: the file's name")
    add.add_argument(
        "--checksum", metavar="HEX", default="", help="verify the file by this SHA-256 or SHA-512"
    )
    add_dry_run(add)
    add_listing(actions.add_parser("ls", help="list media"))
    remove = actions.add_parser("rm", help="remove a medium that is in no guest's drive")
    remove.add_argument("name", metavar="NAME")
    add_dry_run(remove)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action != "ls")
    match options.action:
        case "add":
            checksum = media.check_checksum(options.checksum) if options.checksum else ""
            name = media.add(session, options.source, options.name, checksum)
            say_done(options, name, "added")
        case "rm":
            media.remove(session, str(options.name))
            say_done(options, str(options.name), "removed")
        case _:
            rows = media.entries(session)
            print_rows(rows, COLUMNS, options)
    return 0
