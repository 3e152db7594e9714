"""The command line: which verb, which host, how errors end."""

from __future__ import annotations

import sys

from bsdvirt import __version__
from bsdvirt.cli.words import OF_COMMANDS, OWN_WORDS, VERBS, split_command, verb_of
from bsdvirt.errors import EXIT_OK, EXIT_USAGE, BadValueError, BsdvirtError, HostError, UsageError
from bsdvirt.host.sanitize import shown

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

EXEC_FAILED = 125
PLAIN = ("ls", "exec")
"""The verbs of cli/plain.py."""
FAULT = "this is a fault in bsdvirt"
"""The beginning of the message for an unexpected exception."""
MOST_SHOWN = 300
EXTENSIONS = "typing_extensions"
ENCODING = sys.getfilesystemencoding()


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    debug = "--debug" in words
    verb = ""
    try:
        before, verb, after = split(words)
        _open_events(before, verb, after)
        if verb in OWN_WORDS:
            before, verb, after = _spelled_out(before, verb, after)
            if verb and _shown_in_the_manual(verb, after):
                return EXIT_OK
        _refuse_undecodable(before, verb, after)
        if not verb:
            return _no_verb(before)
        # Imported here: --version and --help parse nothing.
        if verb in PLAIN:
            from bsdvirt.cli.plain import run_plain

            if (status := _sparing(lambda: run_plain(before, verb, after))) is not None:
                return status
        _import_msgspec()
        from bsdvirt.cli.parser import module_of, parse

        options = parse(before, verb, after)
        options.line, options.of_verb = words, verb
        debug = options.debug
        module = module_of(verb, after)
        if options.ask:
            from bsdvirt.cli.events.asking import run_asked

            return run_asked(module, options)
        return module.run(options)
    except BsdvirtError as error:
        return _ended(error, verb, debug=debug)
    except BadValueError as error:
        return _ended(UsageError(str(error), error.hint), verb, debug=debug)
    except KeyboardInterrupt:
        return _ended(BsdvirtError("interrupted"), verb, debug=False)
    except PermissionError as error:
        denied = HostError(f"{error.filename}: permission denied", "run as root")
        return _ended(denied, verb, debug=debug)
    except OSError as error:
        what = f"{error.filename or 'system'}: {error.strerror}"
        return _ended(BsdvirtError(what), verb, debug=debug)
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:MOST_SHOWN]
        fault = BsdvirtError(f"{FAULT}: {what}", "--debug shows where; please report it")
        return _ended(fault, verb, debug=debug)


def _ended(error: BsdvirtError, verb: str, *, debug: bool) -> int:
    """Report the error that is being handled, and return the exit code."""
    if debug:
        raise
    code = EXEC_FAILED if verb in OF_COMMANDS else error.exit_code
    from bsdvirt.cli.streams import tell

    tell(error, code)
    return code


def _open_events(before: Sequence[str], verb: str, after: Sequence[str]) -> None:
    """Have standard error carry events from here on, if the user asks for that."""
    if verb in OF_COMMANDS:
        after, _ = split_command(after)
    words = [*before, *after]
    if "--events" in words or any(word.startswith("--events=") for word in words):
        _import_msgspec()
        from bsdvirt.cli.events.feed import open_feed

        open_feed()


def _import_msgspec() -> None:
    """Import msgspec as _sparing() has it."""

    def imported() -> None:
        import msgspec  # noqa: F401

    _sparing(imported)


def _sparing(work: Callable[[], T]) -> T:
    """Return what `work` returns. msgspec, if it imports that, does without typing_extensions, and
    with that without inspect, ast and dis: it uses that only where it is installed. Other libraries
    find it afterwards."""
    if EXTENSIONS in sys.modules:
        return work()
    # A module that is None cannot be imported.
    sys.modules[EXTENSIONS] = None  # type: ignore[assignment]
    try:
        return work()
    finally:
        del sys.modules[EXTENSIONS]


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
        index += 2 if words[index] in ("--sim", "--events") else 1
    if index >= len(words):
        return list(words), "", []
    return list(words[:index]), verb_of(words[index]), list(words[index + 1 :])


def _spelled_out(
    before: list[str], verb: str, after: Sequence[str]
) -> tuple[list[str], str, list[str]]:
    """Return the words that `help VERB`, `help` and `version` are short for."""
    if verb == "version":
        return [*before, "--version"], "", []
    if not after or after[0] in OWN_WORDS:
        return [*before, "--help"], "", []
    return before, verb_of(after[0]), [*after[1:], "--help"]


def _shown_in_the_manual(verb: str, after: Sequence[str]) -> bool:
    """Show the manual's part on a verb, and return whether there is one."""
    from bsdvirt.cli.manual.show import show_part

    return show_part([verb, *after[:-1]])


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
    options = "[--sim DIR] [-v | -q] [--ask] [--events json] [--debug]"
    lines = [f"usage: bsdvirt {options} VERB …", "", "verbs:"]
    width = max(map(len, VERBS))
    lines += [f"  {name:<{width}}  {text}" for name, text in VERBS.items()]
    lines += ["", "See bsdvirt help VERB, bsdvirt VERB --help, and bsdvirt(8)."]
    return "\n".join(lines)
