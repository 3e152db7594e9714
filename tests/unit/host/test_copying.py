"""Files copied into a guest's root and out of it, while its owner does what he can."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from bsdvirt.errors import HostError, Interrupted, NotFoundError, UsageError
from bsdvirt.host import tree
from bsdvirt.host.copying import copy_in, copy_out

DEEP = 600
"""Levels: beyond Python's recursion and FreeBSD's PATH_MAX, and the descriptors of a process."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/data").mkdir(parents=True)
    (tmp_path / "host").mkdir()
    return tmp_path / "root"


def _names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def _dig(top: Path, levels: int) -> None:
    """Make a deep directory with a file at its end."""
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("end", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


def _depth(top: Path) -> int:
    here, levels = os.open(top, os.O_RDONLY | os.O_DIRECTORY), 0
    while "d" in os.listdir(here):
        deeper = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here, levels = deeper, levels + 1
    assert os.listdir(here) == ["end"]
    os.close(here)
    return levels


# ---- what is copied ----


@pytest.mark.parametrize("levels", [DEEP])
def test_a_deep_tree_is_copied_both_ways(root: Path, tmp_path: Path, levels: int) -> None:
    _dig(root / "data", levels)
    copy_out(root, "/data", str(tmp_path / "host/out"), recursive=True)
    assert _depth(tmp_path / "host/out") == levels
    copy_in(str(tmp_path / "host/out"), root, "/back", recursive=True)
    assert _depth(root / "back") == levels
    for place in (root / "data", root / "back", tmp_path / "host/out"):
        _remove(place)


def test_what_is_too_deep_is_refused_and_nothing_of_it_is_left(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "DEEPEST", 50)
    _dig(root / "data", 60)
    with pytest.raises(HostError, match="more than 50 directories deep"):
        copy_out(root, "/data", str(tmp_path / "host/out"), recursive=True)
    assert _names(tmp_path / "host") == []


def test_attributes_and_links(root: Path, tmp_path: Path) -> None:
    (root / "data/run").write_text("x")
    (root / "data/run").chmod(0o6755)
    (root / "data/sub").mkdir(0o711)
    (root / "data/link").symlink_to("/etc/passwd")
    os.utime(root / "data/run", (1, 2))
    out = tmp_path / "host/out"
    copy_out(root, "/data", str(out), recursive=True)
    assert stat.S_IMODE((out / "run").stat().st_mode) == 0o755
    assert (out / "run").stat().st_mtime == 2
    assert stat.S_IMODE((out / "sub").stat().st_mode) == 0o711
    assert os.readlink(out / "link") == "/etc/passwd"
    (out / "run").chmod(0o4755)
    copy_in(str(out), root, "/again", recursive=True)
    assert stat.S_IMODE((root / "again/run").stat().st_mode) == 0o4755


def test_a_hole_stays_one(root: Path, tmp_path: Path) -> None:
    """A sparse file would fill the host's disk."""
    with (root / "data/sparse").open("wb") as stream:
        stream.seek(1 << 30)
        stream.write(b"end")
        stream.truncate(40 << 30)
    copy_out(root, "/data/sparse", str(tmp_path / "host/sparse"), recursive=False)
    there = (tmp_path / "host/sparse").stat()
    assert there.st_size == 40 << 30
    assert there.st_blocks * 512 < 10 << 20
    with (tmp_path / "host/sparse").open("rb") as stream:
        stream.seek(1 << 30)
        assert stream.read(4) == b"end\0"


def test_a_directory_that_is_there_keeps_its_owner_and_mode(root: Path, tmp_path: Path) -> None:
    (root / "data").chmod(0o777)
    (root / "data/one").write_text("1")
    (root / "data/sub").mkdir(0o777)
    (tmp_path / "host/data/sub").mkdir(parents=True, mode=0o700)
    (tmp_path / "host/data").chmod(0o700)
    copy_out(root, "/data", str(tmp_path / "host"), recursive=True)
    assert (tmp_path / "host/data/one").read_text() == "1"
    for place in ("host/data", "host/data/sub"):
        assert stat.S_IMODE((tmp_path / place).stat().st_mode) == 0o700


def test_a_file_with_the_name_of_our_temporary_ones_is_copied_as_well(
    root: Path, tmp_path: Path
) -> None:
    (root / "data/one").write_text("1")
    (root / "data/.one.bsdvirt").write_text("2")
    (root / "data" / ("é" * 127)).write_text("3")
    copy_out(root, "/data", str(tmp_path / "host/out"), recursive=True)
    assert _names(tmp_path / "host/out") == sorted([".one.bsdvirt", "one", "é" * 127])


# ---- what is not ----


def test_what_is_no_file_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    (root / "data/a").write_text("1")
    os.mkfifo(root / "data/fifo")
    with pytest.raises(HostError, match="fifo is not a file"):
        copy_out(root, "/data", str(tmp_path / "host/out"), recursive=True)
    with pytest.raises(HostError, match="fifo is not a file"):
        copy_out(root, "/data/fifo", str(tmp_path / "host/out"), recursive=False)
    assert _names(tmp_path / "host") == []


def test_a_part_that_stays_is_named(root: Path, tmp_path: Path) -> None:
    (root / "data/a").write_text("1")
    os.mkfifo(root / "data/fifo")
    (tmp_path / "host/data").mkdir()
    with pytest.raises(HostError, match=r"fifo.*1 files and links were copied into data before"):
        copy_out(root, "/data", str(tmp_path / "host"), recursive=True)


def test_a_request_to_end_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    for number in range(9):
        (root / f"data/{number}").write_text("x")
    asked = iter(range(5))

    def check() -> None:
        if next(asked, None) is None:
            raise Interrupted("interrupted by SIGINT")

    with pytest.raises(Interrupted):
        copy_out(root, "/data", str(tmp_path / "host/out"), recursive=True, check=check)
    assert _names(tmp_path / "host") == []


def test_what_a_killed_copy_left_goes(root: Path, tmp_path: Path) -> None:
    left = tmp_path / "host/.out.bsdvirt"
    left.mkdir()
    _dig(left, 30)
    copy_out(root, "/data", str(tmp_path / "host/out"), recursive=True)
    assert _names(tmp_path / "host") == ["out"]


def test_no_link_is_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "way").symlink_to(tmp_path)
    for inner in ("/link", "/way", "/way/secret", "/way/host/x"):
        with pytest.raises(HostError, match="is a link"):
            copy_out(root, inner, str(tmp_path / "host/out"), recursive=True)
        with pytest.raises(HostError, match="is a link"):
            copy_in(str(tmp_path / "secret"), root, inner, recursive=True)
    assert _names(tmp_path / "host") == []


def test_a_link_in_the_place_of_the_target_is_followed_by_choice_only(
    root: Path, tmp_path: Path
) -> None:
    (root / "data/a").write_text("1")
    (tmp_path / "real").mkdir()
    (tmp_path / "host/link").symlink_to(tmp_path / "real")
    with pytest.raises(HostError, match="is a link") as raised:
        copy_out(root, "/data/a", str(tmp_path / "host/link"), recursive=False)
    assert "/link/ follows it" in raised.value.hint
    assert _names(tmp_path / "real") == []
    copy_out(root, "/data/a", f"{tmp_path}/host/link/", recursive=False)
    assert _names(tmp_path / "real") == ["a"]


def test_a_tree_is_not_copied_into_itself(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contains the guest's root"):
        copy_in(str(tmp_path), root, "/data", recursive=True)
    with pytest.raises(UsageError, match="contains the guest's root"):
        copy_in("/", root, "/data", recursive=True)
    with pytest.raises(UsageError, match="in the guest's own root"):
        copy_out(root, "/data", str(root / "data/x"), recursive=True)


def test_plain_mistakes(root: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        copy_in(str(tmp_path / "nosuch"), root, "/data", recursive=False)
    with pytest.raises(UsageError, match="use -r"):
        copy_out(root, "/data", str(tmp_path / "host"), recursive=False)
    with pytest.raises(UsageError, match="the whole root"):
        copy_out(root, "/", str(tmp_path / "host"), recursive=True)
    with pytest.raises(FileNotFoundError):
        copy_out(root, "/nosuch", str(tmp_path / "host"), recursive=True)
    (tmp_path / "host/data").write_text("x")
    with pytest.raises(HostError, match="is not a directory"):
        copy_out(root, "/data", str(tmp_path / "host"), recursive=True)
    assert (tmp_path / "host/data").read_text() == "x"


# ---- a guest that changes things meanwhile ----


def _swap(place: str, other: str) -> None:
    """For ever: the file is itself, then a link."""
    while True:
        os.rename(place, place + "2")
        os.symlink(other, place)
        os.unlink(place)
        os.rename(place + "2", place)


def _move(place: str, other: str) -> None:
    """For ever: the directory is in its place, then elsewhere."""
    while True:
        os.rename(place, other)
        os.rename(other, place)


@pytest.mark.parametrize("recursive", [False, True])
def test_a_file_that_becomes_a_link_is_never_copied_as_one(
    root: Path, tmp_path: Path, recursive: bool
) -> None:
    """A nightly copy of one file: a link in its place would be followed the next night."""
    victim = tmp_path / "host/rc.d"
    victim.mkdir()
    (tmp_path / "backup").mkdir()
    (root / "data/dump").write_text("#!/bin/sh\n")
    arguments = (str(root / "data/dump"), str(victim))
    attack = multiprocessing.get_context("fork").Process(target=_swap, args=arguments, daemon=True)
    attack.start()
    try:
        for _ in range(400):
            with contextlib.suppress(HostError, OSError):
                copy_out(root, "/data/dump", str(tmp_path / "backup/dump"), recursive=recursive)
            assert not (tmp_path / "backup/dump").is_symlink()
            assert _names(victim) == []
    finally:
        attack.kill()
        attack.join()


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_file_that_becomes_a_link_just_after_a_look(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recursive: bool, looks: int
) -> None:
    dump, real, seen = root / "data/dump", os.stat, []
    dump.write_text("x")

    def stat_and_swap(path: Any, *args: Any, **words: Any) -> os.stat_result:
        found = real(path, *args, **words)
        if path == "dump":
            seen.append(path)
            if len(seen) == looks:
                dump.unlink()
                dump.symlink_to(tmp_path)
        return found

    monkeypatch.setattr(os, "stat", stat_and_swap)
    with contextlib.suppress(HostError, OSError):
        copy_out(root, "/data/dump", str(tmp_path / "host/dump"), recursive=recursive)
    assert not (tmp_path / "host/dump").is_symlink()
    assert not (tmp_path / "host/.dump.bsdvirt").exists()


def test_a_directory_that_is_moved_away_leads_nowhere(root: Path, tmp_path: Path) -> None:
    """`..` of a directory that was moved is another one: nothing is written there."""
    (root / "data/a/b/c").mkdir(parents=True)
    (root / "data/a/b/c/file").write_text("x")
    (root / "data/a/z").write_text("z")
    (root / "aside").mkdir()
    arguments = (str(root / "data/a/b"), str(root / "aside/b"))
    attack = multiprocessing.get_context("fork").Process(target=_move, args=arguments, daemon=True)
    attack.start()
    try:
        for number in range(100):
            out = tmp_path / f"host/{number}"
            try:
                copy_out(root, "/data", str(out), recursive=True)
            except (HostError, OSError):
                assert not out.exists()
            else:
                assert set(_names(out)) == {"a"}
                assert set(_names(out / "a")) <= {"b", "z"}
    finally:
        attack.kill()
        attack.join()


def _remove(place: Path) -> None:
    directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    tree.remove_tree(directory, place.name)
    os.close(directory)
    assert not place.exists()
