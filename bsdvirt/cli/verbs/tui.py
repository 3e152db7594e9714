"""bsdvirt tui"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bsdvirt.cli.output import say
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import HostError, UsageError

if TYPE_CHECKING:
    from bsdvirt.tui.feed.source import Source


class Options(Globals):
    read_only: bool
    hosts: list[str]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--read-only", action="store_true", help="change nothing")
    parser.add_argument(
        "--host", dest="hosts", action="append", default=[], metavar="HOST",
        help="show this host too, by its bsdvirt, over ssh(1): root@server (can be repeated)",
    )  # fmt: skip


def run(options: Options) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("tui: there is no terminal", "bsdvirt ls; bsdvirt stats")
    try:
        from bsdvirt.tui.app import run as run_ui
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "textual":
            raise
        raise HostError("tui: textual is not installed", "pkg install py311-textual") from None
    from bsdvirt.cli.language import CommandLine
    from bsdvirt.tui.settings import Settings

    return run_ui(_sources(options), Settings(), CommandLine())


def _sources(options: Options) -> list[Source]:
    """Return the hosts to show: this one, where it can be managed, and those named."""
    from bsdvirt.tui.feed.local import LocalSource
    from bsdvirt.tui.feed.ssh import SshSource

    others = [SshSource(name, read_only=options.read_only) for name in dict.fromkeys(options.hosts)]
    for other in others:
        if why := other.connect():
            say(f"{why}; it is tried again")
    try:
        return [LocalSource(options.sim, read_only=options.read_only), *others]
    except HostError:
        # Not a FreeBSD host: a place to look at others from.
        if not others:
            raise
        return [*others]
