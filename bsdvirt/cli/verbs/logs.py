"""bsdvirt logs"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from pathlib import Path

from bsdvirt.app.session import Session
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
    if options.follow:
        return _follow(_path(session, options.guest), options.lines)
    return print_log(session, options.guest, options.lines)


def print_log(session: Session, name: str, lines: int | None = None) -> int:
    """Print the log of a guest's console, or its last lines."""
    try:
        with _path(session, name).open(encoding="utf-8", errors="replace") as stream:
            sys.stdout.writelines(deque(stream, lines) if lines else stream)
    except FileNotFoundError:
        print(f"{name} has not been started yet", file=sys.stderr)
    return 0


def _path(session: Session, name: str) -> Path:
    return session.host.fs.path(console_log(session.inventory().guest(name).name))


def _follow(path: Path, lines: int | None) -> int:
    try:
        for text in follow(path, lines):
            sys.stdout.write(text)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0
