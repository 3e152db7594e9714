"""bsdvirt report"""

from __future__ import annotations

import argparse
import os
import sys

from bsdvirt.cli.common import add_json, open_session
from bsdvirt.cli.output import ask, print_json
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import HostError, UsageError
from bsdvirt.ops.show.report import report
from bsdvirt.rows.base import plain


class Options(Globals):
    guests: list[str]
    output: str | None
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "guests", nargs="*", metavar="GUEST", help="guests whose files and logs are added"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write it to a new file, after it was shown"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="write it without asking")
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    sections = report(session, options.guests)
    if options.json and not options.output:
        print_json(plain(sections))
        return 0
    text = "\n".join(f"== {one.title}\n{one.text.rstrip()}\n" for one in sections)
    print(text, end="")
    if options.output:
        _write(options.output, text, yes=options.yes)
    return 0


def _write(path: str, text: str, *, yes: bool) -> None:
    """Write the report, once that is confirmed. Raises UsageError, HostError."""
    if not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("there is no terminal to confirm on, and --yes is not given", "--yes")
        if ask(f"Write this to {path}? Type yes: ") != "yes":
            raise UsageError("not confirmed", "nothing was written")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", "name a new file") from error
