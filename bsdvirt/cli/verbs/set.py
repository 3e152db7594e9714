"""bsdvirt set"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    add_change,
    apply,
    chosen,
    open_session,
)
from bsdvirt.cli.flags import with_secrets
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.ops.change import assign
from bsdvirt.spec.paths import split_assignments


class Options(Globals):
    words: list[str]
    all: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="GUEST | PROPERTY=VALUE",
                        help="a password as PROPERTY=- is read from standard input")  # fmt: skip
    parser.add_argument("--all", action="store_true", help="all guests")
    add_change(parser)


def run(options: Options) -> int:
    assignments = split_assignments(word for word in options.words if "=" in word)
    if not assignments:
        raise _no_value(options.words)
    assignments = with_secrets(options, assignments)
    session = open_session(options, changes=True)
    names = chosen(session, [w for w in options.words if "=" not in w], every=options.all)
    return apply(options, assign(names, assignments), session)


def _no_value(words: list[str]) -> UsageError:
    """Return the error for words without a value: a guest's name has no dot, a property may."""
    properties = [word for word in words[1:] if "." in word] or words[1:2]
    if not properties:
        return UsageError("set what?", "bsdvirt set GUEST PROPERTY=VALUE; bsdvirt properties jail")
    name, word = words[0], properties[0]
    return UsageError(
        f"set {word} to what?", f"bsdvirt set {name} {word}=VALUE; bsdvirt get {name} {word}"
    )
