"""bsdvirt logs"""

from __future__ import annotations

import argparse
import sys
from collections import deque

from bsdvirt.cli.common import open_session
from bsdvirt.cli.main import Globals
from bsdvirt.store.layout import console_log


class Options(Globals):
    guest: str
    lines: int | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    parser.add_argument("-l", "--lines", type=int, metavar="N", help="the last N lines only")


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    session.inventory().guest(options.guest)
    path = session.host.fs.path(console_log(options.guest))
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            sys.stdout.writelines(deque(stream, options.lines) if options.lines else stream)
    except FileNotFoundError:
        print(f"{options.guest} has not been started yet", file=sys.stderr)
    return 0
