"""bsdvirt cp"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_json, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.ops.copy import CopyFiles
from bsdvirt.session.prepared import carry_out_one


class Options(Globals):
    source: str
    target: str
    recursive: bool
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="FROM", help="file, or GUEST:/PATH")
    parser.add_argument("target", metavar="TO", help="GUEST:/PATH, or file")
    parser.add_argument("-r", "--recursive", action="store_true", help="copy directories")
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    wanted = CopyFiles(options.source, options.target, options.recursive)
    return report([carry_out_one(session, wanted)], options, as_json=options.json)
