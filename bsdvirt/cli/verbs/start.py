"""bsdvirt start"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_json, add_selectors, chosen, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.ops.power.start import StartGuests
from bsdvirt.session.prepared import carry_out


class Options(Globals):
    guests: list[str]
    all: bool
    boot: str
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_selectors(parser)
    parser.add_argument(
        "--boot", default="", metavar="DRIVE", help="boot once from this drive or disk"
    )
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    session.boot_from = options.boot
    names = chosen(session, options.guests, every=options.all)
    outcomes = carry_out(session, StartGuests(tuple(names)))
    return report(outcomes, options, as_json=options.json)
