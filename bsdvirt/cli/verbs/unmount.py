"""bsdvirt unmount"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, apply
from bsdvirt.cli.parser import Globals
from bsdvirt.ops import mounts


class Options(Globals):
    guest: str
    which: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    parser.add_argument("which", metavar="NAME | TARGET", help="name or mount point")
    add_change(parser)


def run(options: Options) -> int:
    wanted = mounts.unmount(options.guest, options.which)
    return apply(options, wanted)
