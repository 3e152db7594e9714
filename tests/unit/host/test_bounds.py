"""Every read of a file and of a command's output has an end, whoever wrote it."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path

import pytest

from bsdvirt.errors import CommandError, HostError
from bsdvirt.host import children
from bsdvirt.host.beneath import READ_LIMIT
from bsdvirt.host.fs import Fs
from bsdvirt.host.real import RealHost

SH = "/bin/sh"
SPARSE = 40 << 30


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    (tmp_path / "root/etc").mkdir(parents=True)
    return Fs(tmp_path)


def _sparse(path: Path, size: int = SPARSE) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsdvirt.host.children.READ_BYTES", 1 << 20)
    monkeypatch.setattr(children, "KILL_AFTER_SECONDS", 0.5)


# ---- files ----


def test_a_sparse_file_of_40_gb_is_refused(fs: Fs) -> None:
    _sparse(fs.path("/root/etc/big"))
    with pytest.raises(OSError, match="larger than") as raised:
        fs.read_text("/root/etc/big")
    assert raised.value.errno == errno.EFBIG
    assert raised.value.filename == "/root/etc/big"
    with pytest.raises(OSError, match="larger than"):
        fs.read_bytes("/root/etc/big")


def test_a_sparse_file_in_a_root_is_refused_with_a_hint(fs: Fs) -> None:
    _sparse(fs.path("/root/etc/resolv.conf"))
    with pytest.raises(HostError, match="/root/etc/resolv.conf: larger than") as raised:
        fs.read_beneath("/root", "etc/resolv.conf", 1000)
    assert raised.value.hint


def test_what_is_just_as_large_as_the_bound_is_read(fs: Fs) -> None:
    fs.path("/root/a").write_bytes(b"x" * 100)
    assert len(fs.read_bytes("/root/a", 100)) == 100
    assert fs.read_beneath("/root", "a", 100) == "x" * 100
    with pytest.raises(OSError, match="larger than 99 bytes"):
        fs.read_bytes("/root/a", 99)


def test_a_file_that_says_it_is_empty_and_is_not_has_its_bound() -> None:
    """/proc tells no size; /dev's files none either."""
    assert Fs("/").read_text("/proc/self/stat")
    with pytest.raises(OSError, match="larger than 3 bytes"):
        Fs("/").read_text("/proc/self/stat", 3)


def test_no_fifo_device_or_socket_is_opened(fs: Fs) -> None:
    os.mkfifo(fs.path("/root/fifo"))
    with pytest.raises(OSError, match="not a regular file"):
        fs.read_text("/root/fifo")
    fs.path("/root/link").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        fs.read_text("/root/link")
    with pytest.raises(IsADirectoryError):
        fs.read_text("/root/etc")
    assert not fs.is_file_beneath("/root", "fifo")


def test_no_link_is_followed_where_the_file_may_come_from_elsewhere(fs: Fs) -> None:
    fs.path("/root/secret").write_text("secret")
    fs.path("/root/guest.yaml").symlink_to("secret")
    assert fs.read_text("/root/guest.yaml") == "secret"
    with pytest.raises(OSError, match="is a link"):
        fs.read_text("/root/guest.yaml", follow=False)


def test_bytes_that_are_no_text_are_an_error_of_that_file(fs: Fs) -> None:
    fs.path("/root/a").write_bytes(b"one: 1\ntwo: \xff\n")
    with pytest.raises(OSError, match="line 2 is not UTF-8 text") as raised:
        fs.read_text("/root/a")
    assert raised.value.filename == "/root/a"


def test_whether_a_file_is_there_is_told_without_reading_it(fs: Fs, tmp_path: Path) -> None:
    _sparse(fs.path("/root/etc/pwd.db"))
    assert fs.is_file_beneath("/root", "etc/pwd.db")
    assert not fs.is_file_beneath("/root", "etc/nosuch")
    fs.path("/root/etc/link").symlink_to("pwd.db")
    assert not fs.is_file_beneath("/root", "etc/link")
    (tmp_path / "root/dir").symlink_to("etc")
    assert not fs.is_file_beneath("/root", "dir/pwd.db")


def test_the_bound_is_one_that_no_file_of_ours_reaches() -> None:
    assert 1 << 20 <= READ_LIMIT <= 64 << 20


# ---- what commands print ----


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("redirect", ["", " >&2"])
def test_a_reading_command_that_prints_without_end_is_ended(redirect: str) -> None:
    result = RealHost().run((SH, "-c", f"exec yes{redirect}"), changes=False, timeout=600)
    assert result.status != 0
    assert not result.timed_out
    assert len(result.stdout) + len(result.stderr) < 4 << 20
    with pytest.raises(CommandError, match="it printed more than 1 MiB"):
        result.check()


@pytest.mark.usefixtures("short")
def test_a_reading_command_that_printed_too_much_and_ended_well_has_failed() -> None:
    result = RealHost().run((SH, "-c", "head -c 1100000 /dev/zero"), changes=False)
    assert result.status != 0


def test_a_changing_command_may_talk_and_its_begin_and_end_are_kept() -> None:
    script = "echo begin; head -c 9000000 /dev/zero | tr '\\0' x; echo end; echo why >&2; exit 3"
    result = RealHost().run((SH, "-c", script), changes=True)
    assert (result.status, result.stderr) == (3, "why\n")
    assert result.stdout.startswith("begin\nx")
    assert result.stdout.endswith("xend\n")
    assert "bytes left out]" in result.stdout
    assert len(result.stdout) < 2 * children.KEPT_BYTES


def test_of_a_line_without_end_a_part_is_told() -> None:
    seen: list[str] = []
    script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next"
    RealHost().run((SH, "-c", script), changes=True, on_line=seen.append).check()
    assert seen == ["x" * children.LINE_BYTES, "next"]


def test_a_daemon_that_was_left_behind_and_writes_on_is_not_read_for_ever() -> None:
    """Its pipe is closed then: the daemon gets a SIGPIPE, which it has to live with."""
    script = "(trap '' PIPE; while echo yyyyyyyyyyyyyyy; do :; done) & echo $!; sleep 0.2"
    result = RealHost().run((SH, "-c", script), changes=True, timeout=600)
    assert result.status == 0
    assert not result.timed_out
    assert len(result.stdout) <= 3 * children.KEPT_BYTES
    # The daemon may have written before the shell.
    _wait_gone(int(next(word for word in result.stdout.split() if word.isdigit())))


def test_a_timeout_ends_children_that_outlive_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends the shell at once; its child does not listen to that."""
    monkeypatch.setattr(children, "KILL_AFTER_SECONDS", 0.5)
    script = "(trap '' TERM; while :; do sleep 0.05; done) & echo $!; wait"
    result = RealHost().run((SH, "-c", script), changes=True, timeout=0.3)
    assert result.timed_out
    _wait_gone(int(result.stdout))


def test_a_command_that_no_signal_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one in an uninterruptible wait."""
    monkeypatch.setattr(children, "KILL_AFTER_SECONDS", 0.2)
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda group, number: kill(group, 0))
    result = RealHost().run((SH, "-c", "echo $$; exec sleep 600"), changes=True, timeout=0.3)
    kill(int(result.stdout), signal.SIGKILL)
    assert result.timed_out
    assert result.status == -signal.SIGKILL
    assert "does not end" in result.stderr


def _wait_gone(pid: int) -> None:
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} is still there")
