"""bsdvirt tui"""

from __future__ import annotations

import argparse
import sys

from bsdvirt.cli.parser import Globals
from bsdvirt.errors import HostError, UsageError


class Options(Globals):
    read_only: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--read-only", action="store_true", help="change nothing")


def run(options: Options) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("tui: there is no terminal", "bsdvirt ls; bsdvirt stats")
    try:
        from bsdvirt.tui.app import run as run_ui
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "textual":
            raise
        raise HostError("tui: textual is not installed", "pkg install py311-textual") from None
    from bsdvirt.tui.feed.local import LocalSource
    from bsdvirt.tui.settings import Settings

    return run_ui([LocalSource(options.sim, read_only=options.read_only)], Settings())
