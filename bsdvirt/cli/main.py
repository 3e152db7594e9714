"""The command line: which verb, which host, how errors end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bsdvirt import __version__
from bsdvirt.cli.words import OF_COMMANDS, OWN_WORDS, VERBS, split_command, verb_of
from bsdvirt.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, BadValueError, BsdvirtError, UsageError
from bsdvirt.host.sanitize import shown

EXEC_FAILED = 125
FAULT = "this is a fault in bsdvirt"
"""The beginning of the message for an unexpected exception."""
MOST_SHOWN = 300
ENCODING = sys.getfilesystemencoding()


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
        # Imported here: --version and --help parse nothing.
        from bsdvirt.cli.parser import module_of, parse

        options = parse(before, verb, after)
        debug = options.debug
        return module_of(verb, after).run(options)
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
    """Return the words that `help VERB`, `help` and `version` are short for."""
    if verb == "version":
        return [*before, "--version"], "", []
    if not after:
        return [*before, "--help"], "", []
    return before, verb_of(after[0]), [*after[1:], "--help"]


def _no_verb(before: Sequence[str]) -> int:
    if any(word in ("-h", "--help") for word in before):
        print(usage())
        return EXIT_OK
    if list(before) == ["--version"]:
        print(f"bsdvirt {__version__}")
        return EXIT_OK
    from bsdvirt.cli.parser import Globals, global_parser

    global_parser(help=True).parse_args(list(before), Globals())
    print(usage(), file=sys.stderr)
    return EXIT_USAGE


def usage() -> str:
    """Return the usage: all verbs, one per line."""
    lines = ["usage: bsdvirt [--sim DIR] [-v | -q] [--debug] VERB …", "", "verbs:"]
    width = max(map(len, VERBS))
    lines += [f"  {name:<{width}}  {text}" for name, text in VERBS.items()]
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
