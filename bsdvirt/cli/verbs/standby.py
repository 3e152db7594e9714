"""bsdvirt standby"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, confirm, must_confirm, open_session, report
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.send.promote import promote, standby


class Options(Globals):
    action: str
    guest: str
    source: str
    force: bool
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="promote")
    up = actions.add_parser("promote", help="let a standby take the place of its guest")
    up.add_argument("guest", metavar="GUEST")
    up.add_argument(
        "--source", metavar="HOST", default="", help="the host of the guest, as ssh(1) takes it"
    )
    up.add_argument(
        "--force", action="store_true", help="even if that host does not answer, or has it running"
    )
    up.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_change(up)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    if must_confirm(options, yes=options.yes):
        _, origin = standby(session.inventory(), options.guest)
        lines = [f"{origin.name} of {origin.host}, as of {origin.time}"]
        confirm(options, f"Promote the standby {options.guest}?", lines)
    outcome = promote(
        session, options.guest, source=options.source, force=options.force, look=options.dry_run
    )
    return report([outcome], options)
