"""A log followed: as it grows, and across rotation."""

from __future__ import annotations

from pathlib import Path

from bsdvirt.cli.follow import follow, print_once


def test_what_is_there_and_what_comes(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("one\ntwo\nthree\n")
    told = follow(log, 2, pause=0)
    assert next(told) == "two\nthree\n"
    with log.open("a") as stream:
        stream.write("four\n")
    assert next(told) == "four\n"


def test_rotation_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("one\n")
    told = follow(log, pause=0)
    assert next(told) == "one\n"
    with log.open("a") as stream:
        stream.write("last of the old\n")
    log.rename(tmp_path / "console.log.0")
    log.write_text("first of the new\n")
    assert next(told) == "last of the old\n"
    assert next(told) == "first of the new\n"


def test_truncation_begins_again(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("a long line of before\n")
    told = follow(log, pause=0)
    next(told)
    log.write_text("new\n")
    assert next(told) == "new\n"


def test_half_a_character_waits_for_the_other(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_bytes("ü".encode()[:1])
    told = follow(log, pause=0.01)
    with log.open("ab") as stream:
        stream.write("ü\n".encode()[1:])
    assert next(told) == "ü\n"


def test_the_last_lines_of_a_file_with_a_line_without_end(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    with log.open("wb") as stream:
        stream.write(b"one\n" + b"x" * 200_000 + b"\ntwo\n" + b"y" * 200_000)
    assert "".join(print_once(log, 1)) == "y" * 200_000
    assert "".join(print_once(log, 2)) == "two\n" + "y" * 200_000
    assert "".join(print_once(log, 9)) == log.read_text()
    assert "".join(print_once(log)) == log.read_text()
    assert "".join(print_once(log, 0)) == ""
    assert max(map(len, print_once(log))) <= 1 << 16


def test_a_log_that_grows_while_it_is_printed_has_an_end(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("one\n")
    told = print_once(log)
    assert next(told) == "one\n"
    with log.open("a") as stream:
        stream.write("two\n")
    assert "".join(told) == ""
