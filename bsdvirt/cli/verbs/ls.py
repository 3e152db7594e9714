"""bsdvirt ls"""

from __future__ import annotations

import argparse
import contextlib
import sys

from bsdvirt.cli.common import add_guests, add_listing, open_session, seconds
from bsdvirt.cli.output import print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import EXIT_OK, UsageError
from bsdvirt.ops.show.guests import entries
from bsdvirt.session.session import Session

COLUMNS = ("name", "kind", "state", "id", "jid", "addresses", "autostart", "release", "used")


class Options(Globals):
    guests: list[str]
    watch: bool
    delay: float


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guests(parser)
    parser.add_argument(
        "-w", "--watch", action="store_true", help="show them again and again, with what they use"
    )
    parser.add_argument(
        "-d",
        "--delay",
        type=seconds,
        default=2.0,
        metavar="S",
        help="seconds, with -w (default: 2)",
    )
    add_listing(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    if options.watch:
        return _watch(session, options)
    rows, found = entries(session)
    if options.guests:
        from bsdvirt.guest.select import select

        states = {row.name: row.state for row in rows}
        names = select(options.guests, found, states.__getitem__, every=False, foreign=True)
        rows = [row for row in rows if row.name in names]
    for one in found.absent:
        say(f"{one.message}; {one.hint}")
    if not rows and not options.json and not options.headless:
        if options.guests:
            say(f"no guest matches {' '.join(options.guests)}")
        else:
            print("no guests yet: bsdvirt create jail NAME --start")
        return EXIT_OK
    roles = ("role",) if any(row.role for row in rows) and not options.headless else ()
    print_rows(rows, (*COLUMNS, *roles), options)
    return EXIT_OK


def _watch(session: Session, options: Options) -> int:
    if options.json or options.headless or not sys.stdout.isatty():
        raise UsageError("-w needs a terminal", "bsdvirt top --json, for scripts")
    from bsdvirt.cli.live.listing import watch

    with contextlib.suppress(KeyboardInterrupt):
        return watch(session, options.guests, options.delay)
    return EXIT_OK
