"""bsdvirt logs"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from bsdvirt.cli.common import GuestOptions, add_guest, add_json, open_session
from bsdvirt.cli.follow import follow, print_once
from bsdvirt.cli.output import print_json
from bsdvirt.cli.streams import raw_write
from bsdvirt.errors import UsageError
from bsdvirt.host.sanitize import Screen
from bsdvirt.layout import console_log, failed_file
from bsdvirt.ops.show.log import log_part
from bsdvirt.rows.base import plain
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural


class Options(GuestOptions):
    lines: int | None
    follow: bool
    raw: bool
    after: str
    before: str


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument(
        "-l", "--lines", type=_lines, metavar="N", help="print the last N lines only"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="follow the log, across rotation"
    )
    parser.add_argument(
        "--raw", action="store_true", help="keep colours and other terminal sequences"
    )
    places = parser.add_mutually_exclusive_group()
    places.add_argument(
        "--after", default="", metavar="PLACE",
        help="with --json: print what follows its `end`; -f in steps",
    )  # fmt: skip
    places.add_argument(
        "--before", default="", metavar="PLACE", help="with --json: print what precedes its `begin`"
    )
    add_json(parser)


def _lines(text: str) -> int:
    number = natural(text)
    if number is None:
        raise UsageError(f"logs: -l {text}: not a number of lines", "such as -l 20")
    return number


def run(options: Options) -> int:
    _check(options)
    session = open_session(options, changes=False)
    if options.json:
        print_json(plain(log_part(
            session, options.guest, lines=options.lines, after=options.after,
            before=options.before,
        )))  # fmt: skip
        return 0
    path = _path(session, options.guest)
    if not options.follow:
        return print_log(session, options.guest, options.lines, raw=options.raw)
    try:
        _print(follow(path, options.lines), raw=options.raw)
    except KeyboardInterrupt:
        return 0
    return 0


def _check(options: Options) -> None:
    """Raises UsageError for options that do not go together."""
    place = options.after or options.before
    if place and not options.json:
        raise UsageError(
            "logs: --after and --before need --json", "to follow a log: bsdvirt logs -f NAME"
        )
    if options.json and (options.follow or options.raw):
        raise UsageError(
            "logs: --json prints a part of a log, as text",
            "to follow it: bsdvirt logs --json --after PLACE GUEST, again and again",
        )
    if place and options.lines is not None:
        raise UsageError("logs: -l counts from the end of the log, not from a place", "omit -l")


def print_log(session: Session, name: str, lines: int | None = None, *, raw: bool = False) -> int:
    """Print the log of a guest's console, or its last lines."""
    try:
        _print(print_once(_path(session, name), lines), raw=raw)
    except FileNotFoundError:
        failed = session.host.fs.read_or(failed_file(name)).strip()
        why = f"{name} has printed nothing; its last start failed: {failed}"
        print(why if failed else f"{name} has not been started yet", file=sys.stderr)
    return 0


def _print(pieces: Iterable[str], *, raw: bool) -> None:
    """Print a log. The guest wrote it: terminal sequences are printed only with `raw`."""
    screen = Screen()
    for text in pieces:
        if raw:
            raw_write(sys.stdout, text)
        else:
            sys.stdout.write(screen.feed(text))
        sys.stdout.flush()
    sys.stdout.write(screen.close())


def _path(session: Session, name: str) -> Path:
    return session.host.fs.path(console_log(session.inventory().guest(name).name))
