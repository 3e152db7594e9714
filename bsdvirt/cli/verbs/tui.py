"""bsdvirt tui"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from bsdvirt.cli.output import say
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.streams import close_streams
from bsdvirt.errors import HostError, UsageError
from bsdvirt.host.tools import python_package
from bsdvirt.tui.settings import Theme

if TYPE_CHECKING:
    from bsdvirt.tui.feed.source import Source

THEMES = [name for name in get_args(Theme) if name]


class Options(Globals):
    read_only: bool
    hosts: list[str]
    theme: str | None
    print_keys: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--read-only", action="store_true", help="change nothing")
    parser.add_argument(
        "--host", dest="hosts", action="append", default=[], metavar="HOST",
        help="show this host too, by its bsdvirt, over ssh(1): root@server (can be repeated)",
    )  # fmt: skip
    parser.add_argument("--theme", choices=THEMES, help="colours (default: those of the terminal)")
    parser.add_argument(
        "--print-keys", action="store_true", help="print a keys.yaml with all keys, and exit"
    )


def run(options: Options) -> int:
    if options.print_keys:
        return _print_keys()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("tui: there is no terminal", "bsdvirt ls; bsdvirt stats")
    with _textual_needed():
        from bsdvirt.tui.app import Start
        from bsdvirt.tui.app import run as run_ui
        from bsdvirt.tui.keysfile import paths, read_keys
    from bsdvirt.cli.language import CommandLine
    from bsdvirt.tui.settings import SettingsFile, config_directory

    file = SettingsFile(config_directory(os.environ) / "tui.yaml")
    settings = file.load()
    keys = read_keys(paths(os.environ))
    problems = [one for one in (file.problem, *keys.problems) if one]
    start = Start(keys.keys, file, problems, options.theme or "")
    status = run_ui(_sources(options), settings, CommandLine(), start)
    _end_if_threads_wait(status)
    return status


def _end_if_threads_wait(status: int) -> None:
    """End at once where Textual has left a thread that reads the terminal: the interpreter would
    wait for it, and never end."""
    if any(not one.daemon for one in threading.enumerate() if one is not threading.main_thread()):
        os._exit(close_streams(status))


def _print_keys() -> int:
    with _textual_needed():
        from bsdvirt.tui.keysfile import sample
    print(sample(), end="")
    return 0


@contextlib.contextmanager
def _textual_needed() -> Iterator[None]:
    """Raises HostError where textual is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "textual":
            raise
        package = python_package("textual")
        raise HostError("tui: textual is not installed", f"pkg install {package}") from None


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
