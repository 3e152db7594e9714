"""A console log in parts: forwards, backwards, across rotation, whatever a guest prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsdvirt.ops.show.log import MOST, Place, _after, _before, _last


def _log(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "console.log"
    path.write_bytes(data)
    return path


def test_the_last_lines_and_what_follows_them(tmp_path: Path) -> None:
    path = _log(tmp_path, b"one\ntwo\nthree\n")
    last = _last(path, 2)
    assert last.data == b"two\nthree\n"
    assert _after(path, last.end).data == b""
    with path.open("ab") as stream:
        stream.write(b"four\nfi")
    more = _after(path, Place.parse(str(last.end)))
    assert (more.data, more.more, more.missed) == (b"four\nfi", False, False)
    assert _after(path, more.end).data == b""


def test_a_log_of_gigabytes_is_read_at_its_end_only(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    with path.open("wb") as stream:
        stream.truncate(3 << 30)
        stream.seek(3 << 30)
        stream.write(b"\nthe end\n")
    assert _last(path, 1).data == b"the end\n"
    assert len(_last(path, None).data) <= MOST


def test_a_line_longer_than_a_part_is_read_in_parts(tmp_path: Path) -> None:
    path = _log(tmp_path, b"x" * (3 * MOST))
    last = _last(path, None)
    assert last.data == b"x" * MOST
    earlier = _before(path, last.begin)
    assert earlier.data == b"x" * MOST
    first = _before(path, earlier.begin)
    assert len(first.data) == MOST
    assert _before(path, first.begin).data == b""
    assert _after(path, first.end).more


def test_backwards_in_whole_lines(tmp_path: Path) -> None:
    lines = b"".join(b"line %07d\n" % number for number in range(20000))
    path = _log(tmp_path, lines)
    read = last = _last(path, None)
    data = last.data
    while read.begin.offset:
        read = _before(path, read.begin)
        assert read.data.startswith(b"line ")
        data = read.data + data
    assert data == lines


@pytest.mark.parametrize("copied", [True, False], ids=["copied", "renamed"])
def test_rotation_loses_nothing(tmp_path: Path, copied: bool) -> None:
    path = _log(tmp_path, b"one\n")
    place = _last(path, None).end
    with path.open("ab") as stream:
        stream.write(b"last of the old\n")
    older = tmp_path / "console.log.0"
    if copied:
        older.write_bytes(path.read_bytes())
        path.write_bytes(b"")
    else:
        path.rename(older)
    path.write_bytes(b"first of the new, and longer than the old one was\n")
    old = _after(path, place)
    assert (old.data, old.more, old.missed) == (b"last of the old\n", True, False)
    new = _after(path, old.end)
    assert new.data == b"first of the new, and longer than the old one was\n"


def test_what_was_rotated_away_is_said(tmp_path: Path) -> None:
    path = _log(tmp_path, b"one\n")
    place = _last(path, None).end
    path.write_bytes(b"quite another\n")
    read = _after(path, place)
    assert (read.data, read.missed) == (b"quite another\n", True)
    assert _before(path, place).missed


def test_what_is_not_complete_waits_for_its_rest(tmp_path: Path) -> None:
    path = _log(tmp_path, b"\xc3\xa4 \x1b[3")
    read = _last(path, None)
    assert read.data == b"\xc3\xa4 "
    with path.open("ab") as stream:
        stream.write(b"1mred \xc3")
    read = _after(path, read.end)
    assert read.data == b"\x1b[31mred "
    with path.open("ab") as stream:
        stream.write(b"\xa4\n")
    assert _after(path, read.end).data == b"\xc3\xa4\n"


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    read = _last(path, None)
    assert read.data == b""
    path.write_bytes(b"first\n")
    assert _after(path, read.end).data == b"first\n"
