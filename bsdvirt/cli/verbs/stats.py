"""bsdvirt stats"""

from __future__ import annotations

import argparse
import sys
import time

from bsdvirt.cli.common import add_headless, add_json, chosen, open_session
from bsdvirt.cli.output import print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.streams import raw_write
from bsdvirt.cli.verbs.stop import seconds
from bsdvirt.ops.show.usage import HINT, Watch, usage_rows

COLUMNS = ("name", "cpu", "memory", "processes", "threads", "files", "read", "write")
ONCE_SECONDS = 1.0
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
    watch = Watch(session, names)
    if options.once or options.json or options.headless or not sys.stdout.isatty():
        time.sleep(ONCE_SECONDS)
        _show(watch, options)
        return 0
    try:
        while True:
            time.sleep(options.delay)
            raw_write(sys.stdout, CLEAR)
            _show(watch, options)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0


def _show(watch: Watch, options: Options) -> None:
    made = watch.figures()
    print_rows(usage_rows(made), COLUMNS, options)
    if not made.host.racct and not options.json and not options.headless:
        say(HINT)
