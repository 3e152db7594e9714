"""bsdvirt run"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_dry_run, add_guest, open_session, report
from bsdvirt.ops.power import vms


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    add_dry_run(parser)


def run(options: GuestOptions) -> int:
    session = open_session(options, changes=True)
    outcome = vms.prepare_foreground(session, options.guest)
    if options.dry_run:
        return report([outcome], options)
    return vms.foreground(session, options.guest)
