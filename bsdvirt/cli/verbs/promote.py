"""bsdvirt promote"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_change, add_guest, apply_one
from bsdvirt.ops.clone.promote import Promote


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    add_change(parser)


def run(options: GuestOptions) -> int:
    return apply_one(options, Promote(options.guest))
