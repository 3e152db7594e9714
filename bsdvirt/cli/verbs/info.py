"""bsdvirt info"""

from __future__ import annotations

import argparse

from msgspec.structs import replace

from bsdvirt.cli.common import add_json, open_session
from bsdvirt.cli.output import print_info
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.show.detail import detail
from bsdvirt.rows.guest import ForeignInfo


class Options(Globals):
    guest: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    shown = detail(session, options.guest)
    if not options.json and not isinstance(shown, ForeignInfo) and shown.usage:
        used = {name: amount for name, amount in shown.usage.items() if amount}
        shown = replace(shown, usage=used)
    print_info(shown, options)
    return 0
