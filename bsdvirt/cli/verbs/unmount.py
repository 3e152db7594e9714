"""bsdvirt unmount"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_json, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.ops import mounts
from bsdvirt.session.prepared import carry_out


class Options(Globals):
    guest: str
    which: str
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    parser.add_argument("which", metavar="NAME | TARGET", help="name or mount point")
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    wanted = mounts.unmount(options.guest, options.which)
    return report(carry_out(session, wanted), options, as_json=options.json)
