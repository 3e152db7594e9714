"""bsdvirt unmount"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_change, add_guest, apply
from bsdvirt.ops import mounts


class Options(GuestOptions):
    which: str


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument("which", metavar="NAME | TARGET", help="name or mount point")
    add_change(parser)


def run(options: Options) -> int:
    wanted = mounts.unmount(options.guest, options.which)
    return apply(options, wanted)
