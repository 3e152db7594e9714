"""bsdvirt events"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable

from bsdvirt.cli.common import add_listing, open_session
from bsdvirt.cli.follow import follow
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.layout import OPERATION_LOG
from bsdvirt.ops.show.events import Test, chosen, operations, parsed
from bsdvirt.ops.show.reached import limit_events
from bsdvirt.rows.base import plain
from bsdvirt.rows.events import Operation
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural

COLUMNS = ("time", "user", "verb", "subject", "ok", "seconds", "message", "hint")
MOST = 100
"""Operations that are listed unless --lines or --since says otherwise."""

LATE, EACH = 1.0, 1.0
"""Seconds that devd(8) may take to record a limit, and between two looks at these records."""


class Options(Globals):
    names: list[str]
    since: str
    failed: bool
    lines: int | None
    follow: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="names or patterns of guests, networks and so on"
    )
    parser.add_argument(
        "--since", default="", metavar="TIME", help="since then: 2h, 3d, or 2026-11-21T10:30 (UTC)"
    )
    parser.add_argument("--failed", action="store_true", help="only what failed")
    parser.add_argument(
        "-l", "--lines", type=_lines, metavar="N",
        help=f"the last N only (default: {MOST}, or all with --since)",
    )  # fmt: skip
    parser.add_argument("-f", "--follow", action="store_true", help="wait for further ones")
    add_listing(parser)


def _lines(text: str) -> int:
    number = natural(text)
    if number is None:
        raise UsageError(f"events: -l {text}: not a number", "such as -l 20")
    return number


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    test = chosen(options.names, options.since, failed=options.failed)
    most = options.lines
    if most is None and not options.since:
        most = MOST
    rows = operations(session, test, most, options.names)
    if not options.follow:
        print_rows(rows, COLUMNS, options)
        return 0
    try:
        _print(rows, options)
        _follow(session, test, options)
    except KeyboardInterrupt:
        pass
    return 0


def _follow(session: Session, test: Test, options: Options) -> None:
    """Print what is appended, across rotation, and what guests reach."""
    begun, seen = "", time.time() - LATE
    for text in follow(session.host.fs.path(OPERATION_LOG), 0, ticks=True):
        *lines, begun = (begun + text).split("\n")
        _print((row for row in parsed(line.encode() for line in lines) if test(row)), options)
        if (now := time.time() - LATE) - seen >= EACH:
            reached = limit_events(session.host, options.names, seen, now)
            _print((row for row in reached if test(row)), options)
            seen = now


def _print(rows: Iterable[Operation], options: Options) -> None:
    """Print rows as they come: a JSON object a line with --json, else columns."""
    for row in rows:
        if options.json:
            print(json.dumps(plain(row)), flush=True)
        elif not options.headless:
            remark = f": {row.message}" if row.message else ""
            end = f"ok{remark}" if row.ok else f"failed{remark}"
            line = f"{row.time} {row.user} {row.verb} {row.subject} {row.seconds:.1f}s {end}"
            print(" ".join(line.split()), flush=True)
        else:
            print_rows([row], COLUMNS, Globals(headless=True))
            sys.stdout.flush()
