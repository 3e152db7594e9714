"""bsdvirt rename"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, apply_one
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.rename import Rename


class Options(Globals):
    old: str
    new: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="name of a stopped guest")
    parser.add_argument("new", metavar="NEW", help="new name")
    add_change(parser)


def run(options: Options) -> int:
    return apply_one(options, Rename(options.old, options.new))
