"""bsdvirt run"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, open_session, report
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.power import vms


class Options(Globals):
    guest: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    add_dry_run(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    outcome = vms.prepare_foreground(session, options.guest)
    if options.dry_run:
        return report([outcome], options)
    return vms.foreground(session, options.guest)
