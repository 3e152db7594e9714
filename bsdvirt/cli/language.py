"""The command line as it is typed in the UI: what it means, and what its next word can be."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from bsdvirt.cli.main import split
from bsdvirt.cli.parser import Globals, Parser, module_of, parse
from bsdvirt.cli.words import OF_COMMANDS, OWN_WORDS, VERBS, split_command, verb_of
from bsdvirt.errors import BadValueError, BsdvirtError, UsageError
from bsdvirt.tui.actions.language import Next, Typed

TAKE_OVER = ("console", "run", "stats", "top", "edit")
HELP = ("-h", "--help")
LISTS: dict[str, Callable[[Globals], bool]] = {
    "doctor": lambda o: not (getattr(o, "repair", 0) or getattr(o, "set_aside", 0)),
    "expose": lambda o: not (getattr(o, "ports", 0) or getattr(o, "remove", 0)),
    "mount": lambda o: not getattr(o, "source", 0),
    "tag": lambda o: not (getattr(o, "tags", 0) or getattr(o, "remove", 0)),
}
"""Whether a verb that lists or changes, by its words, lists only."""
KINDS = {
    "GUEST": "guest", "GUEST[@SNAPSHOT]": "guest", "GUEST[@NAME]": "guest", "OLD": "guest",
    "FROM": "guest", "TO": "guest", "NET": "network",
    "R": "release", "MEDIUM": "media", "PROFILE": "profile", "DATASET": "pool",
    "PROPERTY=VALUE": "property", "PROPERTY": "property", "VERSION": "release",
    "--network": "network", "--release": "release", "--image": "image", "--iso": "media",
    "--pool": "pool",
}  # fmt: skip
"""Kinds of names, by the word for them in a verb's help, or by the option that takes them."""
NAMES = {"image": "image", "media": "media", "pool": "pool"}
"""The same for NAME, by verb."""


class CommandLine:
    """The language of the UI's command line: see tui/actions/language.py."""

    def parse(self, words: Sequence[str]) -> Typed:
        before, verb, after = split(words)
        if before:
            raise UsageError(f"{before[0]}: the verb comes first", "bsdvirt VERB --help")
        if not verb:
            raise UsageError("which verb?", "bsdvirt --help")
        if verb == "tui":
            raise UsageError("this is the UI already", "bsdvirt tui --host HOST")
        asked = split_command(after)[0] if verb in OF_COMMANDS else after
        if verb in OWN_WORDS or any(word in HELP for word in asked):
            return Typed((verb, *after), verb, changes=False)
        try:
            options = parse([], verb, after)
        except BsdvirtError:
            raise
        except (BadValueError, ValueError, SystemExit) as error:
            raise UsageError(f"{verb}: {error}", f"bsdvirt {verb} --help") from None
        return self._typed(verb, after, options)

    def _typed(self, verb: str, after: Sequence[str], options: Globals) -> Typed:
        words = (verb, *after)
        if verb in TAKE_OVER or verb in OF_COMMANDS:
            reads = verb in ("stats", "top") or options.dry_run
            return Typed(words, verb, not reads, takes_over=verb not in OF_COMMANDS)
        leaf = _leaf(verb, after)[0]
        plans = "--dry-run" in leaf._option_string_actions and not options.dry_run
        if not plans or (verb in LISTS and LISTS[verb](options)):
            follows = bool(getattr(options, "follow", False))
            return Typed(words, verb, changes=False, takes_over=follows)
        return Typed(words, verb, True, plans=True, confirms=_confirms(options))

    def next(self, words: Sequence[str]) -> Next:
        if not words:
            return Next(dict(VERBS), wants="VERB")
        verb, after = verb_of(words[0]), list(words[1:])
        if verb == "help":
            return Next(dict(VERBS) if not after else {}, wants="VERB")
        if verb not in VERBS or verb == "tui":
            return Next({})
        if verb in OF_COMMANDS and len(after) > 0:
            return Next({}, wants="COMMAND …" if verb == "exec" else "ARGUMENT …")
        leaf, rest = _leaf(verb, after)
        return _next(leaf, verb, rest)


def _confirms(options: Globals) -> bool:
    """Return whether the verb would ask before it runs."""
    asks = getattr(options, "yes", None) is False
    return asks and getattr(options, "destroy", True) is not False


def _leaf(verb: str, after: Sequence[str]) -> tuple[Parser, list[str]]:
    """Return the parser of a verb, or of its action, and the words that are for it."""
    parser = Parser(prog=f"bsdvirt {verb}", add_help=False)
    module_of(verb, after).arguments(parser)
    actions = _actions(parser)
    if actions is None:
        return parser, list(after)
    for index, word in enumerate(after):
        if word in actions.choices:
            return actions.choices[word], [*after[:index], *after[index + 1 :]]
    return parser, list(after)


def _actions(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[Parser] | None:
    found = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return next(found, None)


def _next(parser: Parser, verb: str, words: list[str]) -> Next:
    """Return what can follow the words of a parser."""
    if (actions := _actions(parser)) is not None:
        helps = {one.dest: one.help or "" for one in actions._choices_actions}
        return Next(helps, wants=str(actions.metavar or "ACTION"))
    known = parser._option_string_actions
    if words and (of := known.get(words[-1])) is not None and of.nargs != 0:
        return _value(of, verb, words[-1])
    options = {
        word: one.help or ""
        for word, one in known.items()
        if word.startswith("--") and one.help != argparse.SUPPRESS and word not in words
    }
    positional = _positional(parser, words)
    if positional is None:
        return Next(options)
    here = _value(positional, verb, "")
    if positional.dest == "kind":
        here = Next({"jail": "create a jail", "vm": "create a virtual machine"}, wants=here.wants)
    return Next({**here.words, **options}, here.kinds, here.wants)


def _value(action: argparse.Action, verb: str, option: str) -> Next:
    """Return what an option or positional argument takes."""
    wants = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    names = [wants, *wants.split(" | "), option]
    kinds = [NAMES[verb] for one in names if one == "NAME" and verb in NAMES]
    kinds += [KINDS[one] for one in names if one in KINDS]
    choices = [str(one) for one in action.choices or ()]
    return Next(dict.fromkeys(choices, ""), tuple(dict.fromkeys(kinds)), wants)


def _positional(parser: Parser, words: Sequence[str]) -> argparse.Action | None:
    """Return the positional argument that the next word is for."""
    known = parser._option_string_actions
    count = 0
    skips = False
    for word in words:
        option = known.get(word)
        if skips:
            skips = False
        elif option is not None:
            skips = option.nargs != 0
        elif not word.startswith("-"):
            count += 1
    takers = [one for one in parser._actions if not one.option_strings]
    for taker in takers:
        if taker.nargs in ("*", "+"):
            return taker
        if count == 0:
            return taker
        count -= 1
    return None
