"""bsdvirt stats"""

from __future__ import annotations

import argparse
import sys
import time

from bsdvirt.cli.common import add_headless, add_json, chosen, open_session
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.streams import raw_write
from bsdvirt.cli.verbs.stop import seconds
from bsdvirt.ops.show.usage import usage
from bsdvirt.rows.guest import UsageRow

COLUMNS = ("name", "cpu", "memory", "processes", "threads", "files", "read", "write")
CLEAR = "\x1b[H\x1b[J"


class Options(Globals):
    guests: list[str]
    once: bool
    delay: float


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guests", nargs="*", metavar="GUEST", help="default: all running guests")
    parser.add_argument("--once", action="store_true", help="print once, and exit")
    parser.add_argument(
        "-d", "--delay", type=seconds, default=2.0, metavar="S", help="seconds (default: 2)"
    )
    add_headless(parser, "tab-separated columns, once")
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    names = chosen(session, options.guests, every=False) if options.guests else None
    if options.once or options.json or options.headless or not sys.stdout.isatty():
        _show(usage(session, names), options)
        return 0
    try:
        while True:
            rows = usage(session, names)
            raw_write(sys.stdout, CLEAR)
            _show(rows, options)
            sys.stdout.flush()
            time.sleep(options.delay)
    except KeyboardInterrupt:
        return 0


def _show(rows: list[UsageRow], options: Options) -> None:
    print_rows(rows, COLUMNS, options)
