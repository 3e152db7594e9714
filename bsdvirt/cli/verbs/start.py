"""bsdvirt start"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    Selection,
    add_change,
    add_selectors,
    apply_to_selected,
    open_session,
)
from bsdvirt.ops.power.start import StartGuests


class Options(Selection):
    boot: str


def arguments(parser: argparse.ArgumentParser) -> None:
    add_selectors(parser)
    parser.add_argument(
        "--boot", default="", metavar="DRIVE", help="boot once from this drive or disk"
    )
    add_change(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    session.boot_from = options.boot
    return apply_to_selected(options, StartGuests, session, starts=True)
