"""Parse the command line, by the module of its verb."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

from bsdvirt import __version__
from bsdvirt.cli.words import (
    BY_FIRST_WORD,
    MODULES,
    OF_COMMANDS,
    SIM_VARIABLE,
    VERBS,
    WITH_ACTIONS,
    hint_for,
    split_command,
)
from bsdvirt.errors import BsdvirtError, UsageError

if TYPE_CHECKING:
    from bsdvirt.plan.step import Plan

DEFAULT_COLUMNS = 80
JSON = "json"
"""The format of --events."""


class Asking(Protocol):
    """What --ask shows before it asks: see events/asking.py."""

    def opened(self, session: Any, *, changes: bool) -> None:
        """The verb opened its session."""

    def planned(self, plan: Plan) -> None:
        """Show a plan."""

    def refused(self, name: str, error: BsdvirtError) -> None:
        """Show that nothing will be done to an object."""


class Globals(argparse.Namespace):
    """The options that every verb takes, and those that many take."""

    sim: str | None
    debug: bool
    verbose: bool
    quiet: bool
    command: list[str]
    """The command of exec and similar verbs."""
    dry_run: bool = False
    json: bool = False
    headless: bool = False
    line: Sequence[str] = ()
    """The whole command line."""
    of_verb: str = ""
    """The verb."""
    plans: bool
    """Set for verbs and actions with --dry-run."""
    ask: bool = False
    events: str | None = None
    asking: Asking | None = None
    """With --ask: what is shown. The verb is run twice, first with `dry_run`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.planned: list[tuple[str, str]] = []
        """With -n and --json: the plans until now, as subject and shell."""
        self.secrets: dict[str, str] = {}
        """Secrets that were read from standard input, by property: each is read once."""


class VerbModule(Protocol):
    """The interface of a module of bsdvirt.cli.verbs."""

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, options: Globals) -> int: ...


def terminal_columns() -> int:
    """Return the columns of the terminal, or of COLUMNS."""
    # shutil.get_terminal_size imports all compressors with it.
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):
        columns = 0
    return columns or DEFAULT_COLUMNS


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter of help. argparse makes one for each option."""
    return argparse.HelpFormatter(prog, width=terminal_columns() - 2)


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of ending the process."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_formatter, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog.removeprefix('bsdvirt ')}: {message}", f"{self.prog} --help")


def _events(word: str) -> str:
    """Raises ArgumentTypeError for a format that there is not."""
    if word != JSON:
        raise argparse.ArgumentTypeError(f"{word}: not {JSON}, which is the only format")
    return word


def parse(before: Sequence[str], verb: str, after: Sequence[str]) -> Globals:
    """Parse the command line. Raises UsageError for an unknown verb or word."""
    if verb not in VERBS:
        raise UsageError(f"no verb {verb!r}", hint_for(verb, VERBS))
    options = global_parser(help=True).parse_args(before, Globals())
    parser = Parser(
        prog=f"bsdvirt {verb}",
        description=VERBS[verb],
        parents=[global_parser(help=False)],
        argument_default=None,
    )
    module_of(verb, after).arguments(parser)
    if verb in OF_COMMANDS:
        after, options.command = split_command(after)
    if verb in WITH_ACTIONS:
        # The parsers of actions do not know the global options, so parse these first.
        options, after = global_parser(help=False).parse_known_args(after, options)
        return parser.parse_args(after, options)
    return parser.parse_intermixed_args(after, options)


def module_of(verb: str, words: Sequence[str]) -> VerbModule:
    """Return the module of a verb; `words` follow it."""
    # The options of some verbs depend on the first word.
    first = next((word for word in words if word[:1] != "-"), "")
    verb = BY_FIRST_WORD.get((verb, first)) or MODULES.get(verb, verb)
    return cast(VerbModule, importlib.import_module(f"bsdvirt.cli.verbs.{verb}"))


def global_parser(*, help: bool) -> Parser:
    """Return the parser of the options before the verb, or without `help` of those after it."""
    # After the verb, an absent option must not reset one given before the verb.
    absent = None if help else argparse.SUPPRESS
    parser = Parser(prog="bsdvirt", add_help=help, usage=None, allow_abbrev=False)
    group = parser.add_argument_group("global options")
    about = f"work on the simulated host in DIR (also {SIM_VARIABLE})"
    real = not help and sys.platform.startswith("freebsd")
    group.add_argument(
        "--sim", metavar="DIR", default=os.environ.get(SIM_VARIABLE) if help else absent,
        help=argparse.SUPPRESS if real else about,
    )  # fmt: skip
    for words, text in (
        (("-v", "--verbose"), "show each step"),
        (("-q", "--quiet"), "show errors only"),
        (("--ask",), "show what would be done, ask, and do it"),
        (("--debug",), "show where an error comes from"),
    ):
        group.add_argument(
            *words, action="store_true", default=False if help else absent, help=text
        )
    group.add_argument(
        "--events", metavar=JSON, type=_events, default=absent,
        help="print events as JSON on standard error, one a line, for programs",
    )  # fmt: skip
    if help:
        parser.add_argument("--version", action="version", version=f"bsdvirt {__version__}")
    return parser
