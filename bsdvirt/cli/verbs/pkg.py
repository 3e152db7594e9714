"""bsdvirt pkg"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import open_session
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.enter import package


class Options(Globals):
    guest: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "bsdvirt pkg GUEST ARGUMENT …"
    parser.add_argument("guest", metavar="GUEST")


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    session.need_root()
    return package(session, options.guest, options.command)
