"""The command line: which verb, which host, how errors end."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol, cast

from bsdvirt import __version__
from bsdvirt.cli.words import hint_for, verb_of
from bsdvirt.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, BsdvirtError, UsageError
from bsdvirt.host.sanitize import shown
from bsdvirt.spec.base import BadValueError

SIM_VARIABLE = "BSDVIRT_SIM"
EXEC_FAILED = 125
FAULT = "this is a fault in bsdvirt"
"""Begins the message about an unexpected exception."""
MOST_SHOWN = 300
ENCODING = sys.getfilesystemencoding()


VERBS = {
    "init": "set up this host: datasets, host file, a private network, rc.conf",
    "create": "create a guest: create jail NAME …, create vm NAME …",
    "ls": "list guests",
    "info": "show one guest in full",
    "adopt": "adopt guests that belong to another host",
    "start": "start guests",
    "stop": "stop guests",
    "restart": "stop and start guests",
    "reset": "reset virtual machines",
    "pause": "pause virtual machines",
    "resume": "resume paused virtual machines",
    "run": "run a virtual machine in the foreground",
    "console": "open a login shell in a jail, or a virtual machine's console",
    "exec": "run a command in guests",
    "ps": "list a guest's processes",
    "service": "run service(8) in a guest",
    "sysrc": "run sysrc(8) in a guest",
    "pkg": "run pkg(8) for a guest",
    "set": "set guests' properties",
    "get": "print a guest's properties",
    "cp": "copy files into or out of a guest",
    "mount": "list a jail's mounts, or add one",
    "unmount": "remove a mount from a jail",
    "stats": "show resource usage of running guests",
    "edit": "edit a guest's file",
    "tag": "list, add or remove a guest's tags",
    "disk": "manage a virtual machine's disks: ls, add, rm, resize",
    "nic": "manage a guest's network interfaces: ls, add, rm",
    "cdrom": "manage a virtual machine's CD drives: insert, eject",
    "uefi": "manage a virtual machine's UEFI variables: reset, restore",
    "expose": "forward ports of the host to a guest",
    "rename": "rename a stopped guest",
    "logs": "print or follow a guest's console log",
    "destroy": "destroy guests with all their data",
    "release": "manage releases for jails: fetch, add, ls, rm",
    "image": "manage disk images: fetch, import, ls, info, rm, profiles",
    "media": "manage ISO files for CD drives: add, ls, rm",
    "pool": "manage pools for guests: add, ls, rm",
    "network": "manage networks: ls, info, create, set, destroy",
    "boot": "manage start and shutdown: plan, start, stop, status, network",
    "doctor": "find problems, and repair them",
    "properties": "list all properties",
    "schema": "print the JSON Schema of a file, or of a verb's output",
}
"""The verbs, each with a line of help. Its module in bsdvirt.cli.verbs has its name."""

OWN_WORDS = ("help", "version")
"""Verbs of the command line itself: `help VERB` is `VERB --help`."""


WITH_ACTIONS = (
    "release",
    "image",
    "media",
    "disk",
    "nic",
    "cdrom",
    "uefi",
    "pool",
    "network",
    "boot",
)
"""Verbs with actions: argparse takes their options after the action only."""


OF_COMMANDS = ("exec", "pkg", "service", "sysrc")
"""Verbs that run the user's command and exit with its status."""


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


class VerbModule(Protocol):
    """The interface of a module of bsdvirt.cli.verbs."""

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, options: Globals) -> int: ...


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog.removeprefix('bsdvirt ')}: {message}", f"{self.prog} --help")


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    debug = "--debug" in words
    verb = ""
    try:
        before, verb, after = split(words)
        if verb in OWN_WORDS:
            before, verb, after = _spelled_out(before, verb, after)
        _refuse_undecodable(before, verb, after)
        if not verb:
            return _no_verb(before)
        options = parse(before, verb, after)
        debug = options.debug
        return _module(verb, after).run(options)
    except BsdvirtError as error:
        if debug:
            raise
        _tell(error)
        return EXEC_FAILED if verb in OF_COMMANDS else error.exit_code
    except BadValueError as error:
        if debug:
            raise
        _tell(UsageError(str(error), error.hint))
        return EXEC_FAILED if verb in OF_COMMANDS else EXIT_USAGE
    except KeyboardInterrupt:
        print("bsdvirt: interrupted", file=sys.stderr)
        return EXEC_FAILED if verb in OF_COMMANDS else EXIT_FAILED
    except PermissionError as error:
        if debug:
            raise
        print(f"bsdvirt: {error.filename}: permission denied (run as root)", file=sys.stderr)
        return EXEC_FAILED if verb in OF_COMMANDS else 5
    except OSError as error:
        if debug:
            raise
        print(f"bsdvirt: {error.filename or 'system'}: {error.strerror}", file=sys.stderr)
        return EXEC_FAILED if verb in OF_COMMANDS else EXIT_FAILED
    except Exception as error:
        if debug:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())[:MOST_SHOWN]
        print(f"bsdvirt: {FAULT}: {what} (--debug shows where; please report it)", file=sys.stderr)
        return EXEC_FAILED if verb in OF_COMMANDS else EXIT_FAILED


def _refuse_undecodable(before: Sequence[str], verb: str, after: Sequence[str]) -> None:
    """Raises UsageError for bytes that are not text, except in the command to run."""
    if verb in OF_COMMANDS:
        after, _ = split_command(after)
    for word in (*before, verb, *after):
        if any("\ud800" <= char <= "\udfff" for char in word):
            what = f"{shown(word[:MOST_SHOWN])}: not {ENCODING} text"
            raise UsageError(what, "rename the file, or set LC_ALL to its encoding")


def split(words: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Split into the options before the verb, the verb, and the rest."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] == "--sim" else 1
    if index >= len(words):
        return list(words), "", []
    return list(words[:index]), verb_of(words[index]), list(words[index + 1 :])


def _spelled_out(
    before: list[str], verb: str, after: Sequence[str]
) -> tuple[list[str], str, list[str]]:
    """Return the words that `help VERB`, `help` and `version` stand for."""
    if verb == "version":
        return [*before, "--version"], "", []
    if not after:
        return [*before, "--help"], "", []
    return before, verb_of(after[0]), [*after[1:], "--help"]


def parse(before: Sequence[str], verb: str, after: Sequence[str]) -> Globals:
    """Parse the command line. Raises UsageError for an unknown verb or word."""
    if verb not in VERBS:
        raise UsageError(f"no verb {verb!r}", hint_for(verb, VERBS))
    options = _global_parser(help=True).parse_args(before, Globals())
    parser = Parser(
        prog=f"bsdvirt {verb}",
        description=VERBS[verb],
        parents=[_global_parser(help=False)],
        argument_default=None,
    )
    _module(verb, after).arguments(parser)
    if verb in OF_COMMANDS:
        after, options.command = split_command(after)
    if verb in WITH_ACTIONS:
        # The parsers of actions do not know the global options, so parse these first.
        options, after = _global_parser(help=False).parse_known_args(after, options)
        return parser.parse_args(after, options)
    return parser.parse_intermixed_args(after, options)


def split_command(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split into the words of the verb and the command: what follows `--`, or, without it, the
    first guest."""
    if "--" in words:
        index = words.index("--")
        return list(words[:index]), list(words[index + 1 :])
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in ("-u", "--user", "--sim") else 1
    return list(words[: index + 1]), list(words[index + 1 :])


def _module(verb: str, words: Sequence[str]) -> VerbModule:
    if verb == "create" and next((word for word in words if word[:1] != "-"), "") == "vm":
        # The kinds have different options.
        verb = "create_vm"
    return cast(VerbModule, importlib.import_module(f"bsdvirt.cli.verbs.{verb}"))


def _global_parser(*, help: bool) -> Parser:
    # After the verb, an absent option must not reset one given before it.
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
        (("--debug",), "show where an error comes from"),
    ):
        group.add_argument(
            *words, action="store_true", default=False if help else absent, help=text
        )
    if help:
        parser.add_argument("--version", action="version", version=f"bsdvirt {__version__}")
    return parser


def _no_verb(before: Sequence[str]) -> int:
    if any(word in ("-h", "--help") for word in before):
        print(usage())
        return EXIT_OK
    _global_parser(help=True).parse_args(list(before), Globals())
    print(usage(), file=sys.stderr)
    return EXIT_USAGE


def usage() -> str:
    """Return the usage: all verbs, one per line."""
    lines = ["usage: bsdvirt [--sim DIR] [-v | -q] [--debug] VERB …", "", "verbs:"]
    width = max(map(len, VERBS))
    lines += [f"  {name:<{width}}  {help}" for name, help in VERBS.items()]
    lines += ["", "See bsdvirt VERB --help, and bsdvirt(8)."]
    return "\n".join(lines)


def _tell(error: BsdvirtError) -> None:
    print(f"bsdvirt: {one_line(error)}", file=sys.stderr)


def one_line(error: BsdvirtError) -> str:
    """Return the error and its hint in one line."""
    return " ".join(map(_short, str(error).split()))


def _short(word: str) -> str:
    most = MOST_SHOWN * 4
    return word if len(word) <= most else f"{word[:MOST_SHOWN]}…({len(word)} characters)"
