"""bsdvirt cp"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, apply_one
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.copy import CopyFiles


class Options(Globals):
    source: str
    target: str
    recursive: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="FROM", help="file, or GUEST:/PATH")
    parser.add_argument("target", metavar="TO", help="GUEST:/PATH, or file")
    parser.add_argument("-r", "--recursive", action="store_true", help="copy directories")
    add_change(parser)


def run(options: Options) -> int:
    wanted = CopyFiles(options.source, options.target, options.recursive)
    return apply_one(options, wanted)
