"""The table of completions/complete, from the parsers of the verbs and the declarations of
properties: `make completions` writes it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from bsdvirt.cli.parser import Parser, global_parser, module_of
from bsdvirt.cli.words import BY_FIRST_WORD, VERBS
from bsdvirt.spec.schema import PropertyInfo, Which, properties

BEGIN = "# The table, from the parsers and properties: make completions\n"
END = "# The end of the table\n"

KINDS = {
    "GUEST": "guests", "OLD": "guests", "NETWORK": "networks", "NET": "networks",
    "RELEASE": "releases", "R": "releases", "MEDIUM": "media", "SYSTEM": "systems",
    "NAME | DATASET": "pools", "PROPERTY": "names", "PROPERTY=VALUE": "assignments",
    "GUEST | PROPERTY=VALUE": "guests,assignments", "NAME | PROPERTY=VALUE": "assignments",
    "FILE | VERB": "verbs", "FILE": "files", "PATH": "files", "DIR": "files", "FROM": "files",
    "TO": "files", "DIR|TAR": "files", "SOURCE[:TARGET]": "files",
    "DIR | file://DIR | https://DIR": "files", "FILE | -": "files", "FILE | DIR | -": "files",
    "GUEST[@SNAPSHOT]": "guests,snapshots", "GUEST[@NAME]": "guests",
    "GUEST@SNAPSHOT": "snapshots", "GUEST@NAME": "snapshots",
    "NEW | PROPERTY=VALUE": "assignments", "UPLINK": "interfaces", "BRIDGE": "interfaces",
    "IF": "interfaces", "JOURNAL": "journals",
    "FILE | https://HOST/FILE": "files", "jail | vm": "=jail,vm", "json": "=json",
    "ADDRESS6": "=pool,slaac,none", "none | zstd[:LEVEL]": "=none,zstd",
}  # fmt: skip
"""What completes an argument, by its metavar: see completions/complete."""

OF_VERBS = {
    ("start", "GUEST"): "stopped", ("stop", "GUEST"): "running", ("restart", "GUEST"): "running",
    ("pause", "GUEST"): "running", ("reset", "GUEST"): "running", ("exec", "GUEST"): "running",
    ("ps", "GUEST"): "running", ("service", "GUEST"): "running", ("rename", "OLD"): "stopped",
    ("stats", "GUEST"): "running,record", ("limits", "GUEST"): "running",
    ("console", "GUEST"): "running", ("resume", "GUEST"): "running",
    ("events", "NAME"): "guests",
    ("image info", "NAME"): "images", ("image rm", "NAME"): "images",
    ("create vm", "NAME"): "images", ("media rm", "NAME"): "media",
    ("create vm", "FILE"): "media,files", ("create vm", "PROFILE"): "sizes",
    ("image fetch", "PROFILE"): "profiles", ("network create", "NET"): "none",
    ("expose", "NET"): "none", ("network create", "POOL"): "none",
    ("network create", "PROPERTY=VALUE"): "assignments.network",
    ("network set", "PROPERTY=VALUE"): "assignments.network",
    ("release add", "R"): "none", ("tag", "TAG"): "tags", ("create", "TAG"): "tags",
    ("create vm", "TAG"): "tags", ("disk rm", "DISK"): "disks", ("disk resize", "DISK"): "disks",
    ("snapshot diff", "NAME"): "same_guest",
    ("create", "ADDRESS"): "=pool,dhcp,none", ("create vm", "ADDRESS"): "=pool,dhcp,none",
    ("nic add", "ADDRESS"): "=pool,dhcp,none",
    ("create vm", "NETWORK"): "networks,slirp", ("nic add", "NETWORK"): "networks,slirp",
    ("import", "NAME | PROPERTY=VALUE"): "assignments",
    ("create", "NAME | PROPERTY=VALUE"): "assignments.jail",
    ("create vm", "NAME | PROPERTY=VALUE"): "assignments.vm",
}  # fmt: skip
"""The same where it depends on the verb too."""

OWN = {"help": "list the verbs, or show the manual's part on one", "version": "print the version"}
"""Verbs of the command line itself."""

MOST_HELP = 70
_WORD = re.compile(r"[a-z0-9_-]+")


def table() -> str:
    """Return the table: shell functions, between the marks."""
    lines = [BEGIN.rstrip("\n"), "verbs()", "{", "\tcat <<'END'"]
    lines += [f"{verb}\t{_help(text)}" for verb, text in {**VERBS, **OWN}.items()]
    lines += [
        "END",
        "}",
        "",
        "# Sets what may follow: actions, arguments, options.",
        "takes()",
        "{",
    ]
    lines += ["\tactions='' arguments='' options=''", "\tcase $1 in"]
    for path, parser in _parsers():
        lines += _entry(path, parser)
    lines += ["\t'help')", "\t\targuments='verbs'", "\t\t;;", "\tesac", "}"]
    for which in ("jail", "vm", "network"):
        lines += ["", f"assignments_{which}()", "{", "\tcat <<'END'"]
        lines += sorted(set(_assignments(which)))
        lines += ["END", "}"]
    return "\n".join([*lines, END])


def _parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for verb in VERBS:
        for words in ([], *([word] for of, word in BY_FIRST_WORD if of == verb)):
            parser = Parser(prog=verb, parents=[global_parser(help=False)])
            module_of(verb, words).arguments(parser)
            yield " ".join([verb, *words]), parser


def _entry(path: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    actions: list[str] = []
    arguments: list[str] = []
    options: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                actions.append(name)
                yield from _entry(f"{path} {name}", sub)
        elif action.option_strings and action.help != argparse.SUPPRESS:
            options += _options(path, action)
        elif not action.option_strings:
            arguments.append(_kind(path, action) + ("*" if action.nargs in ("*", "+") else ""))
    if tuple(path.split()) in BY_FIRST_WORD:
        # Its first argument chose this parser.
        arguments = arguments[1:]
    yield f"\t'{path}')"
    if actions:
        yield f"\t\tactions='{' '.join(actions)}'"
    if arguments:
        yield f"\t\targuments='{' '.join(arguments)}'"
    if options:
        yield "\t\toptions='" + "\n".join(options).replace("'", "'\\''") + "'"
    yield "\t\t;;"


def _options(path: str, action: argparse.Action) -> Iterator[str]:
    """Yield OPTION, or OPTION=KIND if it takes a value; then a tab and its help."""
    for word in action.option_strings:
        if word.startswith("--"):
            value = "" if action.nargs == 0 else f"={_kind(path, action)}"
            yield f"{word}{value}\t{_help(action.help or '')}"


def _kind(path: str, action: argparse.Action) -> str:
    """Return what completes the value of an argument or an option."""
    if action.choices:
        return "=" + ",".join(map(str, action.choices))
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return OF_VERBS.get((path, name)) or KINDS.get(name, "none")


def _assignments(which: Which) -> Iterator[str]:
    """Yield PROPERTY=VALUES for each property, up to the first part that people choose."""
    for info in properties(which):
        fixed, chosen, _ = re.match(r"((?:[a-z0-9_]+\.?)*)(N\b|NAME\b)?(.*)", info.name).groups()  # type: ignore[union-attr]
        if chosen:
            yield fixed
        else:
            yield f"{info.name}={_values(info)}\t{_help(info.help)}"


def _values(info: PropertyInfo) -> str:
    """Return the values of a property, where they are few: choices, or yes and no."""
    if info.type == "true | false":
        return "yes,no"
    words = info.type.split(" | ")
    return ",".join(
        word for word in words[: len(words) > 1 and len(words)] if _WORD.fullmatch(word)
    )


def _help(text: str) -> str:
    """Return help in one short line that a shell can quote."""
    line = " ".join(text.replace("%%", "%").replace("`", "").split())
    return line if len(line) <= MOST_HELP else line[: MOST_HELP - 1].rstrip() + "~"


def rewritten(script: str) -> str:
    """Return the script with the table of now."""
    before, _, rest = script.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + table() + after


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
