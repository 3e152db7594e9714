"""bsdvirt release"""

from __future__ import annotations

import argparse
from typing import get_args

from bsdvirt.cli.common import (
    add_dry_run,
    add_json,
    add_listing,
    open_session,
    report,
    say_done,
)
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.library import releases
from bsdvirt.library.mirrors import SETS, Origin, parse_sets
from bsdvirt.session.session import Session

COLUMNS = ("name", "used", "guests", "version")
AVAILABLE = ("name", "present", "why")
READS = ("ls", "available")


class Options(Globals):
    action: str
    source: str
    version: str | None
    sets: list[str]
    name: str | None
    releases: list[str]
    origin: Origin


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="fetch | add | update | ls | available | rm"
    )
    fetch = actions.add_parser("fetch", help="download a release from a mirror or the archive")
    fetch.add_argument(
        "version", nargs="?", metavar="VERSION", help="such as 14.3-RELEASE; default: the host's"
    )
    fetch.add_argument(
        "--from", dest="origin", choices=get_args(Origin), default=SETS,
        help="distribution sets, or packages of the base system (15.0 and newer)",
    )  # fmt: skip
    _add_sets(fetch)
    add_dry_run(fetch)
    add = actions.add_parser(
        "add", help="add a release from a directory with base.txz and MANIFEST"
    )
    add.add_argument("source", metavar="DIR | file://DIR | https://DIR")
    add.add_argument(
        "--name", metavar="R", help="name of the release, if base.txz does not state it"
    )
    _add_sets(add)
    add_dry_run(add)
    update = actions.add_parser("update", help="update releases, for new jails")
    update.add_argument("releases", nargs="*", metavar="R", help="default: all releases")
    add_dry_run(update)
    add_json(update)
    add_listing(actions.add_parser("ls", help="list releases"))
    add_listing(actions.add_parser("available", help="list releases that can be fetched"))
    remove = actions.add_parser("rm", help="remove a release that no jail uses")
    remove.add_argument("name", metavar="R")
    add_dry_run(remove)


def _add_sets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--with", dest="sets", action="append", default=[], metavar="SETS",
        help="additional sets, such as base-dbg,lib32,src",
    )  # fmt: skip


def run(options: Options) -> int:
    session = open_session(options, changes=options.action not in READS)
    match options.action:
        case "fetch":
            from bsdvirt.library import release_fetch

            if options.origin != SETS:
                return _fetch_packages(session, options)
            name = release_fetch.fetch(session, options.version, parse_sets(options.sets))
            say_done(options, name, "added")
        case "add":
            from bsdvirt.library import release_add

            name = release_add.add(session, options.source, options.name, parse_sets(options.sets))
            say_done(options, name, "added")
        case "update":
            from bsdvirt.library.update.release import update

            return report(update(session, options.releases), options)
        case "rm":
            releases.remove(session, str(options.name))
            say_done(options, str(options.name), "removed")
        case "available":
            from bsdvirt.library import available

            print_rows(available.entries(session), AVAILABLE, options)
        case _:
            rows = releases.entries(session)
            print_rows(rows, COLUMNS, options)
    return 0


def _fetch_packages(session: Session, options: Options) -> int:
    from bsdvirt.library.update import pkgbase
    from bsdvirt.session.prepared import carry_out_one

    name = pkgbase.release_name(session, options.version)
    carry_out_one(session, pkgbase.FetchPackages(name, parse_sets(options.sets)))
    say_done(options, name, "added")
    return 0
