"""Quotas and their like, and where a ruleset leaves /dev/zfs in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bsdvirt.facts.host import ruleset_shows
from bsdvirt.host.base import Result
from bsdvirt.spec.base import BadValueError, Live
from bsdvirt.spec.fields import only
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import decode
from bsdvirt.spec.storage import Compression, RecordSize, settings


def jail(**data: Any) -> Jail:
    return decode(Jail, {"kind": "jail", "release": "a", **data})


@pytest.mark.parametrize("text", ["512", "16K", "128K", "1M", "16M"])
def test_record_sizes(text: str) -> None:
    assert str(RecordSize.parse(text)) == text


@pytest.mark.parametrize("text", ["256", "3000", "24K", "32M", "big"])
def test_no_record_sizes(text: str) -> None:
    with pytest.raises(BadValueError):
        RecordSize.parse(text)


@pytest.mark.parametrize("text", ["off", "lz4", "gzip-9", "zstd", "zstd-19", "zstd-fast-1000"])
def test_compressions(text: str) -> None:
    assert Compression.parse(text) == text


@pytest.mark.parametrize("text", ["gzip-10", "zstd-20", "zstd-0", "zstd-fast-11", "rar", "lz4 "])
def test_no_compressions(text: str) -> None:
    with pytest.raises(BadValueError):
        Compression.parse(text)


def test_settings_in_the_words_of_zfs() -> None:
    assert settings(jail(quota="1.5G", atime=False, compression="off", recordsize="1M")) == {
        "quota": str(3 << 29),
        "compression": "off",
        "recordsize": str(1 << 20),
        "atime": "off",
    }
    assert settings(jail()) == {}


def test_what_takes_hold_at_a_start_and_what_at_once() -> None:
    one = jail(datasets=[{"name": "d", "mountpoint": "/d", "quota": "1G"}], quota="1G")
    other = jail(datasets=[{"name": "d", "mountpoint": "/d", "quota": "2G"}], quota="2G")
    moved = jail(datasets=[{"name": "d", "mountpoint": "/e", "quota": "1G"}], quota="1G")
    assert only(one, Live.START) == only(other, Live.START)
    assert only(one, Live.NOW) != only(other, Live.NOW)
    assert only(one, Live.START) != only(moved, Live.START)
    assert only(one, Live.NEVER) == only(jail(), Live.NEVER)


RULES = {
    1: "100 hide",
    2: "100 path null unhide",
    4: "100 include 1\n200 include 2\n300 path zfs unhide",
    5: "100 include 4\n200 path pf unhide",
    6: "100 include 5\n200 path 'z*' hide",
    7: "",
    8: "100 include 8\n200 path zfs mode 666",
}


class Devfs:
    """A host that has those rulesets."""

    def run(self, argv: Sequence[str], *, changes: bool) -> Result:
        return Result(tuple(argv), 0, RULES[int(argv[3])] + "\n")


@pytest.mark.parametrize(
    ("ruleset", "shown"),
    [(1, False), (2, True), (4, True), (5, True), (6, False), (7, True), (8, True)],
)
def test_a_ruleset_shows_what_its_last_word_on_it_is(ruleset: int, shown: bool) -> None:
    assert ruleset_shows(Devfs(), ruleset, "zfs") is shown  # type: ignore[arg-type]
