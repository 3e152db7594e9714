"""What zfs diff prints, whatever files are called (libzfs_diff.c)."""

from __future__ import annotations

import pytest

from bsdvirt.zfs.diff import Change, parse

TIME = "1795760090.000000001\t"


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("M\t/\t/t1/etc", Change("modified", "directory", "/t1/etc", changed=1795760090)),
        ("+\tF\t/t1/a\\0040b", Change("added", "file", "/t1/a b", changed=1795760090)),
        ("-\t@\t/t1/a\\0134n", Change("removed", "link", "/t1/a\\n", changed=1795760090)),
        ("R\tF\t/t1/a\t/t1/\\0303\\0244", Change("renamed", "file", "/t1/a", "/t1/\u00e4",
                                              changed=1795760090)),
        ("M\tF\t/t1/a\t(+1)", Change("modified", "file", "/t1/a", links=1, changed=1795760090)),
        ("R\tF\t/t1/a\t(+1)", Change("renamed", "file", "/t1/a", "(+1)", changed=1795760090)),
        ("+\tF\t/t1/\\0377", Change("added", "file", "/t1/\udcff", changed=1795760090)),
        ("+\t?\t/t1/x", Change("added", "other", "/t1/x", changed=1795760090)),
    ],
)  # fmt: skip
def test_a_line_of_zfs_diff(line: str, change: Change) -> None:
    assert parse(TIME + line) == change


@pytest.mark.parametrize("line", ["", "M\tF\t/x", TIME, f"{TIME}X\tF\t/x", f"{TIME}M\tF\t/x\t\t"])
def test_another_line_is_none(line: str) -> None:
    assert parse(line) is None


def test_a_time_before_1970_is_not_taken_for_one() -> None:
    found = parse("        -5.000000000\tM\tF\t/x")
    assert found is not None
    assert found.changed == 0
