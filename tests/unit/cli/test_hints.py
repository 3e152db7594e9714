"""Every command that a message or the documentation names is one that our own parser takes."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsdvirt.cli.main import split
from bsdvirt.cli.parser import parse
from bsdvirt.cli.words import HINTS, OWN_WORDS, SYNONYMS, VERBS, hint_for
from bsdvirt.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
VALUE = "web"
"""Stands for what a message fills in."""
NAMED = ("bsdvirt network web", "made by bsdvirt init")
"""Descriptions of interfaces and networks: no commands."""
COMMAND = re.compile(r"\bbsdvirt ((?:--?[a-z]+ )*[a-z]+\b[^\n;`|<>()]*)")
_AFTER = (
    "or and once where for of again shows? says? names prints gets resets first as if lists"
    " replaces tells is there takes gives goes moves to that"
)
CODE = re.compile(r"`([^`]+)`")
END = re.compile(rf"(?:, |: |\. |\.$| (?:{'|'.join(_AFTER.split())})(?: |$))")
"""What follows a command in a sentence."""
_PROSE = (
    "again always but can creates does gives had has made manages names never numbers that then"
    " waits writes wrote"
)
PROSE = frozenset(_PROSE.split())
"""What bsdvirt does, told in a sentence: none of these is a verb, nor may become one."""


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module that are no docstrings, with a word for each value filled in."""
    tree = ast.parse(path.read_text())
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(one) for one in ast.walk(node) if one is not node}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [str(v.value) if isinstance(v, ast.Constant) else VALUE for v in node.values]
            yield node.lineno, "".join(parts)


def commands(text: str) -> Iterator[str]:
    for found in COMMAND.finditer(text):
        command = END.split(found[1])[0].strip().rstrip(".,:'\"…")
        if command and command.split()[0] not in {*PROSE, VALUE} and text not in NAMED:
            yield command


def hints() -> list[tuple[str, str]]:
    every = []
    modules = (ROOT / "bsdvirt").rglob("*.py")
    for path in sorted(modules):
        for line, text in texts(path):
            every += [(f"{path.relative_to(ROOT)}:{line}", c) for c in commands(text)]
    return every


NAME_ONLY = re.compile(r"([a-z]+)(?: [a-z]+)?(?: --[a-z-]+)?")
"""What names a verb, its action or its option, and is no command yet."""
PLACEHOLDERS = ("--sim DIR VERB", "VERB")
"""Forms of commands, with a word for any verb."""


def documented() -> list[tuple[str, str]]:
    """The commands of the README, of docs/ and of the manual pages: in lines of their own, or
    quoted in a sentence."""
    every = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        in_block = False
        for number, line in enumerate(page.read_text().splitlines(), 1):
            in_block ^= line.startswith("```")
            told = CODE.findall(line)
            if line.startswith("    bsdvirt ") or (line.startswith("bsdvirt ") and in_block):
                told = re.split(r"; |\s+#", line.strip())
            every += [(f"{page.name}:{number}", one) for one in told]
    for page in sorted((ROOT / "man").glob("*.[58]")):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if line.startswith((".Ql bsdvirt ", ".Dl bsdvirt ")):
                every.append((f"{page.name}:{number}", re.sub(r" [.,]$", "", line[4:])))
    found = [(where, one.removeprefix("bsdvirt ").strip()) for where, one in every
             if one.startswith("bsdvirt ")]  # fmt: skip
    return [(where, one) for where, one in found if not one.startswith(PLACEHOLDERS)]


def parsed(command: str) -> None:
    """Raises UsageError where our parser does not take it."""
    words = shlex.split(command.replace("PROPERTY=VALUE", "description=x"))
    before, verb, after = split(words)
    if verb in ("help", "version") or not verb:
        return
    try:
        parse(before, verb, after)
    except SystemExit as end:
        assert end.code == 0, command


def test_a_command_that_is_printed_is_taken() -> None:
    wrong = []
    told = [(where, one) for where, one in documented() if not NAME_ONLY.fullmatch(one)]
    for where, command in (*hints(), *told):
        try:
            parsed(command)
        except UsageError as error:
            wrong.append(f"{where}: bsdvirt {command}: {error}")
    assert not wrong, "\n".join(wrong)


def test_a_verb_that_the_documentation_names_is_one() -> None:
    named = [(where, NAME_ONLY.fullmatch(one)) for where, one in documented()]
    verbs = {(where, found[1]) for where, found in named if found}
    assert len(verbs) > 10
    assert not [(where, verb) for where, verb in verbs if verb not in (*VERBS, *OWN_WORDS)]


def test_no_verb_is_taken_for_prose() -> None:
    assert not PROSE & VERBS.keys()


@pytest.mark.parametrize("word", [*SYNONYMS, *HINTS])
def test_words_of_others_are_no_verbs_of_ours(word: str) -> None:
    assert word not in VERBS


@pytest.mark.parametrize("verb", SYNONYMS.values())
def test_a_synonym_means_a_verb(verb: str) -> None:
    assert verb in VERBS


TYPED = {
    # Mistyped.
    "remve": "destroy", "strat": "start", "sotp": "stop", "snapshost": "snapshot",
    "destory": "destroy", "crate": "create", "cosole": "console", "stat": "stats",
    # What people type first, and the words of CBSD, vm-bhyve, Bastille, AppJail and iocage.
    "kill": "stop --force", "poweroff": "stop --force", "fetch": "release fetch",
    "update": "release update", "config": "set NAME", "status": "boot status",
    "jstart": "start", "bstop": "stop", "jcreate": "create", "jremove": "destroy",
    "blogin": "console", "jconfig": "edit", "jconstruct-tui": "tui", "jrctl": "limits",
    "jrctl-tui": "limits", "jorder": "boot plan", "bpause": "pause", "bhyve-dsk": "disk",
    "initenv": "init", "repo": "release fetch", "bases": "release ls", "jscp": "cp",
    "jupgrade": "upgrade", "jswmode": "clone --full", "bmigrate": "send", "images": "image",
    "startall": "boot start", "stopall": "boot stop", "configure": "edit", "switch": "network ls",
    "iso": "media", "img": "image", "passthru": "config", "datastore": "pool ls", "add": "create",
    "suspend": "pause", "install": "--iso", "tags": "tag", "usage": "help",
    "bootstrap": "release fetch", "setup": "init", "rcp": "cp", "jcp": "cp", "rdr": "expose",
    "htop": "top", "monitor": "top", "zfs": "snapshot", "convert": "clone --full",
    "template": "template=yes", "etcupdate": "upgrade", "verify": "doctor", "up": "start",
    "quick": "create jail", "makejail": "clone", "oci": "--root-from", "label": "tag",
    "volume": "mount", "startup": "boot.auto", "enable": "boot.auto=yes",
    "disable": "boot.auto=no", "healthcheck": "restart.policy", "nat": "nat=yes",
    "devfs": "devfs_ruleset", "activate": "init", "deactivate": "uninit", "chroot": "exec",
    "clean": "doctor", "debug": "report", "df": "pool usage", "fstab": "mount",
    "snaplist": "snapshot ls", "snapremove": "snapshot rm", "migrate": "send", "move": "rename",
    # Nothing that we have: no guess.
    "weather": "bsdvirt help", "push": "bsdvirt help", "sudo": "bsdvirt help",
}  # fmt: skip


@pytest.mark.parametrize(("typed", "meant"), TYPED.items())
def test_what_a_wrong_word_is_answered(typed: str, meant: str) -> None:
    assert meant in hint_for(typed, VERBS)


SMALL = {
    "rm": "destroy", "remove": "destroy", "delete": "destroy", "enter": "console",
    "shell": "console", "login": "console", "up": "start", "down": "stop", "list": "ls",
    "jls": "ls", "cmd": "exec", "top": "top",
}  # fmt: skip


@pytest.mark.parametrize(("typed", "verb"), SMALL.items())
def test_a_small_word_is_the_verb_that_is_meant(typed: str, verb: str) -> None:
    assert split([typed, "web"]) == ([], verb, ["web"])
