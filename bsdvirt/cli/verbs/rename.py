"""bsdvirt rename"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_json, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.ops.rename import Rename
from bsdvirt.session.prepared import carry_out_one


class Options(Globals):
    old: str
    new: str
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a stopped guest")
    parser.add_argument("new", metavar="NEW", help="its new name")
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    outcome = carry_out_one(session, Rename(options.old, options.new))
    return report([outcome], options, as_json=options.json)
