"""A plan reads its facts at once, and each once, until something is changed or locked."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakehost import FakeHost

from bsdvirt.host.ahead import Ahead
from bsdvirt.host.base import Result

LIST = ("/sbin/ifconfig", "-a")
CHANGE = ("/sbin/ifconfig", "em0", "up")


class Counting(FakeHost):
    """Says how often it was asked; `held` keeps a command that reads from ending."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[tuple[str, ...]] = []
        self.held = threading.Event()
        self.held.set()

    def run(self, argv: Sequence[str], *, changes: bool, **more: Any) -> Result:
        if not changes:
            self.reads.append(tuple(argv))
            assert self.held.wait(20)
            return Result(tuple(argv), 0, f"{len(self.reads)}")
        return super().run(argv, changes=changes, **more)

    def attach(self, argv: Sequence[str], **more: Any) -> int:
        return 0


@pytest.fixture
def host(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


def read(ahead: Ahead) -> str:
    return ahead.run(LIST, changes=False).stdout


def test_what_is_expected_is_read_once_for_a_plan(host: Counting) -> None:
    ahead = Ahead(host)
    with ahead.planning():
        ahead.expect(LIST)
        ahead.expect(LIST)
        assert [read(ahead), read(ahead)] == ["1", "1"]
    assert [read(ahead), read(ahead)] == ["2", "3"]


def test_what_is_not_expected_is_read_each_time(host: Counting) -> None:
    """What is waited for is looked at again and again."""
    ahead = Ahead(host)
    with ahead.planning():
        assert [read(ahead), read(ahead)] == ["1", "2"]


def test_nothing_is_expected_outside_of_a_plan(host: Counting) -> None:
    Ahead(host).expect(LIST)
    assert host.reads == []


def test_several_are_read_at_the_same_time(host: Counting) -> None:
    ahead = Ahead(host)
    host.held.clear()
    with ahead.planning():
        ahead.expect(LIST, ("/sbin/mount",), ("/usr/bin/rctl",))
        # None has ended.
        host.held.set()
        read(ahead)
    assert len(host.reads) == 3


@pytest.mark.parametrize("change", ["run", "pipe", "attach", "forget"])
def test_what_was_read_before_a_change_does_not_count(change: str, host: Counting) -> None:
    ahead = Ahead(host)
    number = itertools.count(1)
    with ahead.planning():
        ahead.expect(LIST)
        ahead.keep("datasets", lambda: next(number))
        before = read(ahead)
        match change:
            case "run":
                ahead.run(CHANGE, changes=True)
            case "pipe":
                ahead.pipe(CHANGE, CHANGE)
            case "attach":
                ahead.attach(CHANGE)
            case "forget":
                ahead.forget()
        assert read(ahead) != before
        assert ahead.keep("datasets", lambda: next(number)) == 2


def test_what_is_read_during_a_change_does_not_count(host: Counting) -> None:
    ahead = Ahead(host)
    found: list[str] = []

    def meanwhile(words: str) -> None:
        ahead.expect(LIST)
        found.append(read(ahead))

    host.before = meanwhile
    with ahead.planning():
        ahead.run(CHANGE, changes=True)
        assert read(ahead) != found[0]


def test_an_error_is_that_of_who_reads(host: Counting) -> None:
    ahead = Ahead(host)

    def fails() -> int:
        raise ValueError("no datasets")

    with ahead.planning():
        with pytest.raises(ValueError, match="no datasets"):
            ahead.keep("datasets", fails)
        assert ahead.keep("datasets", lambda: 1) == 1
