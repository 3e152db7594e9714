"""bsdvirt rollback"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    add_change,
    apply_one,
    confirm,
    must_confirm,
    open_session,
)
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.snapshots.rollback import Rollback, read_lost
from bsdvirt.ops.snapshots.targets import target


class Options(Globals):
    snapshot: str
    stop: bool
    restart: bool
    force: bool
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snapshot", metavar="GUEST@SNAPSHOT")
    power = parser.add_mutually_exclusive_group()
    power.add_argument("--stop", action="store_true", help="stop the guest first, if it runs")
    power.add_argument(
        "--restart", action="store_true", help="stop it first, if it runs, and start it afterwards"
    )
    parser.add_argument(
        "--force", action="store_true", help="even if its configuration then was not valid"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_change(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    guest, name = target(options.snapshot)
    agreed = None
    if must_confirm(options, yes=options.yes):
        lost = read_lost(session, session.inventory().guest(guest), name)
        confirm(options, f"Roll {guest} back to {name}? All of this is lost.", lost.lines())
        agreed = lost.names
    request = Rollback(
        guest, name, stop=options.stop, restart=options.restart, force=options.force, agreed=agreed
    )
    return apply_one(options, request, session)
