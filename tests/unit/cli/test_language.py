"""The command line as the UI has it typed: what it means, and what its next word can be."""

from __future__ import annotations

import pytest

from bsdvirt.cli.language import CommandLine
from bsdvirt.errors import BsdvirtError

LINE = CommandLine()


def test_a_change_is_a_task_and_a_listing_is_not() -> None:
    assert LINE.parse(["start", "web"]).plans
    assert LINE.parse(["mount", "web", "/usr/src"]).plans
    assert not LINE.parse(["mount", "web"]).plans
    assert not LINE.parse(["ls"]).changes
    assert not LINE.parse(["start", "web", "--dry-run"]).plans


def test_synonyms_and_help_are_understood() -> None:
    assert LINE.parse(["up", "web"]).verb == "start"
    assert not LINE.parse(["destroy", "--help"]).changes


def test_what_asks_on_a_terminal_shows_its_plan_first() -> None:
    assert LINE.parse(["destroy", "web"]).confirms
    assert not LINE.parse(["destroy", "--yes", "web"]).confirms
    assert LINE.parse(["disk", "rm", "--destroy", "win", "data"]).confirms
    assert not LINE.parse(["disk", "rm", "win", "data"]).confirms


def test_commands_in_guests_use_the_terminal() -> None:
    typed = LINE.parse(["exec", "web", "--", "ls", "--help"])
    assert typed.changes and not typed.plans
    assert LINE.parse(["console", "web"]).takes_over


@pytest.mark.parametrize(
    "words",
    [[], ["strat"], ["tui"], ["start", "--bogus"], ["-v", "ls"], ["network", "create"], ["disk"],
     ["properties", "nothing"], ["stop", "--timeout", "x", "web"]],
)  # fmt: skip
def test_mistakes_are_errors_with_what_to_do(words: list[str]) -> None:
    with pytest.raises(BsdvirtError) as raised:
        LINE.parse(words)
    assert raised.value.hint


def test_the_next_word() -> None:
    assert "start" in LINE.next([]).words
    assert LINE.next(["start"]).kinds == ("guest",)
    assert "--boot" in LINE.next(["start", "web"]).words
    assert LINE.next(["network"]).words.keys() >= {"create", "set", "ls"}
    assert LINE.next(["network", "info"]).kinds == ("network",)
    assert LINE.next(["set"]).kinds == ("guest", "property")
    assert LINE.next(["image", "rm"]).kinds == ("image",)
    assert LINE.next(["media", "rm"]).kinds == ("media",)
    assert set(LINE.next(["create"]).words) >= {"jail", "vm"}
    assert LINE.next(["create", "jail", "new", "--network"]).kinds == ("network",)
    assert LINE.next(["create", "vm", "new", "--iso"]).kinds == ("media",)
    assert LINE.next(["create", "vm", "new", "--loader"]).words.keys() >= {"bhyveload"}
    assert LINE.next(["cdrom", "insert", "win"]).kinds == ("media",)
    assert LINE.next(["release", "rm"]).kinds == ("release",)
    assert LINE.next(["exec", "web"]).wants == "COMMAND …"
    assert not LINE.next(["bogus"]).words
