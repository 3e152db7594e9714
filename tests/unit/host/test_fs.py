"""The host's files: whole or not at all, and never outside a guest's root."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bsdvirt.errors import HostError
from bsdvirt.host.fs import Fs


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    (tmp_path / "host/guest/etc").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return Fs(tmp_path / "host")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_paths_are_absolute_and_plain(fs: Fs) -> None:
    assert fs.path("/etc/rc.conf") == fs.prefix / "etc/rc.conf"
    for path in ("etc", "/etc/../../outside", ""):
        with pytest.raises(ValueError, match="not an absolute, plain path"):
            fs.path(path)


def test_write_gives_content_and_exactly_the_mode(fs: Fs) -> None:
    before = os.umask(0o077)
    try:
        fs.write("/guest/a", "one\n", 0o644, sync=True)
    finally:
        os.umask(before)
    assert fs.read_text("/guest/a") == "one\n"
    assert _mode(fs.path("/guest/a")) == 0o644
    fs.write("/guest/a", "two\n", 0o600)
    assert fs.read_text("/guest/a") == "two\n"
    assert _mode(fs.path("/guest/a")) == 0o600


def test_a_reader_keeps_the_old_file_whole(fs: Fs) -> None:
    fs.write("/guest/a", "old\n")
    with fs.path("/guest/a").open() as reader:
        fs.write("/guest/a", "new and longer\n")
        assert reader.read() == "old\n"
    assert fs.listdir("/guest") == ["a", "etc"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(fs: Fs) -> None:
    fs.write("/guest/a", "old\n")
    with pytest.raises(UnicodeEncodeError):
        fs.write("/guest/a", "not UTF-8: \udcff")
    assert fs.read_text("/guest/a") == "old\n"
    assert fs.listdir("/guest") == ["a", "etc"]


@pytest.mark.parametrize("how", ["link", "hard link", "fifo"])
def test_what_waits_at_the_temporary_name_is_not_written_to(
    fs: Fs, tmp_path: Path, how: str
) -> None:
    victim = tmp_path / "outside/victim"
    victim.write_text("mine\n")
    waiting = fs.path("/guest") / f".a.{os.getpid()}.new"
    match how:
        case "link":
            waiting.symlink_to(victim)
        case "hard link":
            waiting.hardlink_to(victim)
        case _:
            os.mkfifo(waiting)
    fs.write("/guest/a", "x", 0o600)
    assert fs.read_text("/guest/a") == "x"
    assert victim.read_text() == "mine\n"
    assert victim.stat().st_mode & 0o777 != 0o600
    assert fs.listdir("/guest") == ["a", "etc"]


def test_write_replaces_a_link_by_a_file(fs: Fs, tmp_path: Path) -> None:
    victim = tmp_path / "outside/victim"
    victim.write_text("mine\n")
    fs.path("/guest/a").symlink_to(victim)
    fs.write("/guest/a", "ours\n")
    assert victim.read_text() == "mine\n"
    assert fs.read_text("/guest/a") == "ours\n"


def test_mkdir_leaves_what_is_there(fs: Fs) -> None:
    fs.mkdir("/var/run/bsdvirt", 0o700)
    assert _mode(fs.path("/var/run/bsdvirt")) == 0o700
    fs.mkdir("/var/run/bsdvirt", 0o755)
    assert _mode(fs.path("/var/run/bsdvirt")) == 0o700


def test_mkdir_ends_where_even_the_root_is_gone(tmp_path: Path) -> None:
    """A guard outlives the simulated host's directory."""
    with pytest.raises(FileNotFoundError):
        Fs(tmp_path / "removed").mkdir("/var/run/bsdvirt")


def test_reading_what_is_not_there(fs: Fs) -> None:
    assert fs.listdir("/nosuch") == []
    assert fs.read_or("/nosuch", "default") == "default"
    with pytest.raises(FileNotFoundError):
        fs.read_text("/nosuch")
    fs.unlink("/nosuch")
    fs.rmtree("/nosuch")


def test_a_dangling_link_exists(fs: Fs) -> None:
    fs.path("/guest/link").symlink_to("/nowhere")
    assert fs.exists("/guest/link")
    assert not fs.is_file("/guest/link")


def test_append_adds(fs: Fs) -> None:
    fs.append("/guest/log", "one\n", 0o600)
    fs.append("/guest/log", "two\n")
    assert fs.read_text("/guest/log") == "one\ntwo\n"
    assert _mode(fs.path("/guest/log")) == 0o600


# ---- beneath a guest's root ----


def test_write_beneath(fs: Fs) -> None:
    fs.write_beneath("/guest", "etc/resolv.conf", "nameserver 9.9.9.9\n", 0o640)
    assert fs.read_text("/guest/etc/resolv.conf") == "nameserver 9.9.9.9\n"
    assert _mode(fs.path("/guest/etc/resolv.conf")) == 0o640
    assert fs.listdir("/guest/etc") == ["resolv.conf"]
    assert fs.read_beneath("/guest", "etc/resolv.conf") == "nameserver 9.9.9.9\n"


def test_a_link_in_place_of_the_file_is_replaced(fs: Fs, tmp_path: Path) -> None:
    victim = tmp_path / "outside/passwd"
    victim.write_text("root\n")
    fs.path("/guest/etc/resolv.conf").symlink_to(victim)
    fs.write_beneath("/guest", "etc/resolv.conf", "ours\n")
    assert victim.read_text() == "root\n"
    assert not fs.path("/guest/etc/resolv.conf").is_symlink()


@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_a_link_in_place_of_a_directory_is_refused(fs: Fs, tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside"
    fs.path("/guest/etc").rmdir()
    fs.path("/guest/etc").symlink_to(outside if target == "absolute" else "../../outside")
    with pytest.raises(HostError, match="/guest/etc: etc is a link; not written"):
        fs.write_beneath("/guest", "etc/resolv.conf", "ours\n")
    (outside / "resolv.conf").write_text("secret\n")
    assert fs.read_beneath("/guest", "etc/resolv.conf") is None
    with pytest.raises(HostError, match="is a link"):
        fs.unlink_beneath("/guest", "etc/resolv.conf")
    assert (outside / "resolv.conf").read_text() == "secret\n"


def test_a_link_in_place_of_the_root_is_refused(fs: Fs, tmp_path: Path) -> None:
    fs.path("/other").symlink_to(tmp_path / "outside")
    with pytest.raises((OSError, HostError)):
        fs.write_beneath("/other", "resolv.conf", "ours\n")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_that_waits_for_the_temporary_name_is_not_followed(fs: Fs, tmp_path: Path) -> None:
    victim = tmp_path / "outside/victim"
    victim.write_text("mine\n")
    fs.path("/guest/etc/.resolv.conf.bsdvirt").symlink_to(victim)
    fs.write_beneath("/guest", "etc/resolv.conf", "ours\n")
    assert victim.read_text() == "mine\n"
    assert fs.read_text("/guest/etc/resolv.conf") == "ours\n"


def test_a_hard_link_is_replaced_not_written_through(fs: Fs, tmp_path: Path) -> None:
    victim = tmp_path / "outside/victim"
    victim.write_text("mine\n")
    os.link(victim, fs.path("/guest/etc/resolv.conf"))
    fs.write_beneath("/guest", "etc/resolv.conf", "ours\n")
    assert victim.read_text() == "mine\n"


@pytest.mark.parametrize("path", ["../outside/x", "etc/../../x", "/etc/x", ""])
def test_no_way_out_by_name(fs: Fs, path: str) -> None:
    with pytest.raises(ValueError, match="not a plain relative path"):
        fs.write_beneath("/guest", path, "x")


def test_a_missing_directory_is_told(fs: Fs) -> None:
    with pytest.raises(HostError, match="/guest/nosuch: nosuch No such file or directory"):
        fs.write_beneath("/guest", "nosuch/x", "x")
    assert fs.read_beneath("/guest", "nosuch/x") is None


def test_unlink_beneath_takes_the_link_not_what_it_shows(fs: Fs, tmp_path: Path) -> None:
    victim = tmp_path / "outside/victim"
    victim.write_text("mine\n")
    fs.path("/guest/etc/resolv.conf").symlink_to(victim)
    fs.unlink_beneath("/guest", "etc/resolv.conf")
    assert victim.exists()
    assert not fs.exists("/guest/etc/resolv.conf")
    fs.unlink_beneath("/guest", "etc/resolv.conf")


def test_only_a_plain_file_is_read_and_nothing_blocks(fs: Fs, tmp_path: Path) -> None:
    (tmp_path / "outside/secret").write_text("secret\n")
    fs.path("/guest/link").symlink_to(tmp_path / "outside/secret")
    os.mkfifo(fs.path("/guest/fifo"))
    for path in ("link", "fifo", "etc", "nosuch"):
        assert fs.read_beneath("/guest", path) is None
    fs.path("/guest/latin1").write_bytes(b"caf\xe9\n")
    assert fs.read_beneath("/guest", "latin1") == "caf\ufffd\n"


@pytest.mark.parametrize("path", ["../../outside/victim", "/outside/victim"])
def test_no_way_out_by_name_when_removing_or_reading(fs: Fs, tmp_path: Path, path: str) -> None:
    victim = tmp_path / "outside/victim"
    victim.write_text("mine\n")
    with pytest.raises(ValueError, match="not a plain relative path"):
        fs.unlink_beneath("/guest", path)
    with pytest.raises(ValueError, match="not a plain relative path"):
        fs.read_beneath("/guest", path)
    assert victim.exists()


def test_no_descriptor_is_left_open(fs: Fs) -> None:
    fs.path("/guest/link").symlink_to("/nowhere")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        fs.write_beneath("/guest", "etc/a", "x")
        fs.read_beneath("/guest", "etc/a")
        fs.read_beneath("/guest", "etc")
        fs.read_beneath("/guest", "link/a")
    assert len(os.listdir("/proc/self/fd")) == before
