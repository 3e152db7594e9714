"""bsdvirt uninit"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, apply_one, confirm, must_confirm, open_session
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.uninit import Uninit, losses


class Options(Globals):
    destroy_guests: bool
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--destroy-guests", action="store_true",
        help="destroy all guests with their data, and releases, images and media",
    )  # fmt: skip
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_change(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    if options.destroy_guests and must_confirm(options, yes=options.yes):
        confirm(options, "Destroy all guests and their data for good?", losses(session))
    return apply_one(options, Uninit(options.destroy_guests), session)
