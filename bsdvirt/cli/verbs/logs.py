"""bsdvirt logs"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from pathlib import Path

from bsdvirt.cli.common import open_session
from bsdvirt.cli.follow import follow
from bsdvirt.cli.main import Globals
from bsdvirt.store.layout import console_log


class Options(Globals):
    guest: str
    lines: int | None
    follow: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    parser.add_argument("-l", "--lines", type=int, metavar="N", help="the last N lines only")
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on with what comes, across rotation"
    )


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    session.inventory().guest(options.guest)
    path = session.host.fs.path(console_log(options.guest))
    if options.follow:
        return _follow(path, options.lines)
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            sys.stdout.writelines(deque(stream, options.lines) if options.lines else stream)
    except FileNotFoundError:
        print(f"{options.guest} has not been started yet", file=sys.stderr)
    return 0


def _follow(path: Path, lines: int | None) -> int:
    try:
        for text in follow(path, lines):
            sys.stdout.write(text)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0
