"""bsdvirt(8) has what the parsers take, no more and no less; `help VERB` shows it."""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsdvirt import templates
from bsdvirt.cli.main import run
from bsdvirt.cli.manual import show
from bsdvirt.cli.manual.part import part_of
from bsdvirt.cli.parser import Parser, module_of
from bsdvirt.cli.words import BY_FIRST_WORD, VERBS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "man" / "bsdvirt.8").read_text(encoding="utf-8")
OF_ALL = {"--help", "--json", "--dry-run", "--verbose", "--quiet"}
"""Options that the page describes once."""
OF_PROPERTIES = "has an option for each property"
"""What the page says of actions whose options are declared in spec/, and described in
bsdvirt-guest(5)."""
NEEDED = "BSDVIRT_NEEDS_MANDOC"


def parsers(verb: str) -> Iterator[tuple[str, Parser]]:
    """Yield the parser of a verb, or of each of its actions, by name."""
    firsts = [first for of, first in BY_FIRST_WORD if of == verb]
    for first in ("jail" if verb == "create" else "", *firsts):
        parser = Parser(prog=verb, add_help=False)
        module_of(verb, [first]).arguments(parser)
        subs = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        yield from subs[0].choices.items() if subs else [(first, parser)]


LEAVES = [
    pytest.param(verb, action, parser, id=f"{verb} {action}".strip())
    for verb in VERBS
    for action, parser in parsers(verb)
]


def heads(part: str) -> str:
    return "\n".join(line for line in part.splitlines() if line.startswith(".It Cm "))


def options(text: str) -> set[str]:
    """Return the options in a part of the page; `Fl br` is -b and -r."""
    found = set()
    for word in re.findall(r"\bFl (-?[A-Za-z][-A-Za-z0-9]*)", text):
        found |= {f"-{word}"} if word.startswith("-") else {f"-{one}" for one in word}
    return found | {f"-{word}" for word in re.findall(r"\| (-[a-z][-a-z0-9]*)", text)}


@pytest.mark.parametrize(("verb", "action", "parser"), LEAVES)
def test_each_option_is_in_the_manual(verb: str, action: str, parser: Parser) -> None:
    part = part_of(PAGE, "", verb, action)
    told = options(part)
    if OF_PROPERTIES in part:
        return
    for one in parser._actions:
        words = set(one.option_strings)
        if one.help != argparse.SUPPRESS and words and not words & OF_ALL:
            assert words & told, f"bsdvirt.8 does not name {words} of {verb} {action}"


@pytest.mark.parametrize("verb", VERBS)
def test_each_option_in_the_manual_is_one(verb: str) -> None:
    known = {word for _, parser in parsers(verb) for word in parser._option_string_actions}
    assert options(heads(part_of(PAGE, "", verb))) - known <= {"-v", "-q", "--"}


@pytest.mark.parametrize(("verb", "action", "parser"), LEAVES)
def test_each_action_is_in_the_manual(verb: str, action: str, parser: Parser) -> None:
    del parser
    assert re.search(rf"\bCm {verb} {action}".rstrip(), heads(part_of(PAGE, "", verb)))


def test_a_part_is_of_one_verb_alone() -> None:
    part = part_of(PAGE, VERBS["stop"], "stop")
    assert ".Nd stop guests\n" in part
    assert heads(part).startswith(".It Cm stop ")
    assert "Cm restart" not in heads(part)
    assert part.count(".Bl") == part.count(".El") == 1


def test_verbs_that_share_a_text_are_shown_together() -> None:
    assert "SIGSTOP" in part_of(PAGE, "", "reset")
    assert "Cm pause" in heads(part_of(PAGE, "", "reset"))


def test_a_part_of_an_action_has_its_own_entries() -> None:
    found = heads(part_of(PAGE, "", "network", "create")).splitlines()
    assert len(found) == 2
    assert all("network create" in line for line in found)


def test_a_verb_that_the_page_does_not_have_has_no_part() -> None:
    assert part_of(PAGE, "", "weather") == ""
    assert part_of(PAGE, "", "network", "weather") == ""


@pytest.fixture
def mandoc() -> None:
    if shutil.which("mandoc") is None:
        assert not os.environ.get(NEEDED), "mandoc is not installed"
        pytest.skip("mandoc is not installed")


def test_help_of_a_verb_is_the_manuals_part(
    mandoc: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["help", "umount"]) == 0
    told = capsys.readouterr().out
    assert "unmount guest name | target" in told
    assert "from the jail's next start on" in told
    assert "\b" not in told
    assert run(["help", "pool", "add"]) == 0
    assert "(POOLS)" in capsys.readouterr().out


def test_parts_are_pages_that_mandoc_can_read(mandoc: None, tmp_path: Path) -> None:
    for verb in VERBS:
        (tmp_path / f"{verb}.8").write_text(part_of(PAGE, VERBS[verb], verb), encoding="utf-8")
    argv = ["mandoc", "-Tlint", "-Werror", *map(str, tmp_path.iterdir())]
    assert subprocess.run(argv, capture_output=True, text=True, check=False).stdout == ""


def test_without_mandoc_help_is_the_list_of_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "MANDOC", "/nowhere/mandoc")
    with pytest.raises(SystemExit):
        run(["help", "start"])
    assert "usage: bsdvirt start" in capsys.readouterr().out


def test_help_lists_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {verb} " in told for verb in VERBS)
    assert "bsdvirt help VERB" in told


def test_the_page_is_found_where_packages_compress_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "_PACKAGE", tmp_path / "lib/python3.11/site-packages/bsdvirt")
    place = tmp_path / "share/man/man8"
    place.mkdir(parents=True)
    with gzip.open(place / "bsdvirt.8.gz", "wb") as stream:
        stream.write(PAGE.encode())
    assert show._page() == PAGE


def test_a_long_part_goes_to_the_pager_of_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mandoc: None
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("MANPAGER", f"dd of={out} status=none")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(os, "get_terminal_size", lambda _=1: os.terminal_size((80, 24)))
    assert run(["help", "rollback"]) == 0
    assert "S\bSE\bEE\bE" in out.read_text()


def test_a_short_part_is_printed_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, mandoc: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MANPAGER", "false")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(os, "get_terminal_size", lambda _=1: os.terminal_size((80, 60)))
    assert run(["help", "ps"]) == 0
    assert "\x1b[1mp\x1b[m" in capsys.readouterr().out
