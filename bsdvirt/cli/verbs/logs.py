"""bsdvirt logs"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from bsdvirt.cli.common import GuestOptions, add_guest, open_session
from bsdvirt.cli.follow import follow, print_once
from bsdvirt.cli.streams import raw_write
from bsdvirt.errors import UsageError
from bsdvirt.host.sanitize import Screen
from bsdvirt.layout import console_log, failed_file
from bsdvirt.session.session import Session
from bsdvirt.spec.digits import natural


class Options(GuestOptions):
    lines: int | None
    follow: bool
    raw: bool


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


def _lines(text: str) -> int:
    number = natural(text)
    if number is None:
        raise UsageError(f"logs: -l {text}: not a number of lines", "such as -l 20")
    return number


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    path = _path(session, options.guest)
    if not options.follow:
        return print_log(session, options.guest, options.lines, raw=options.raw)
    try:
        _print(follow(path, options.lines), raw=options.raw)
    except KeyboardInterrupt:
        return 0
    return 0


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
