"""The limits that a guest has reached: its log, however it looks."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakehost import FakeHost

from bsdvirt.facts.reached import MOST_BYTES, Hit, bursts, parse_hits, read_hits
from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt.ops.show.reached import limit_events

LOG = b"""\
1790000000.5 maxproc:devctl=49 812
1790000001.5 maxproc:devctl=49 813
x maxproc:devctl=49 813
1790000002.5 maxproc:deny=49 813
1790000002.5 maxproc:devctl=49
99999999999999 maxproc:devctl=49 1
999999999999 maxproc:devctl=49 1
1790000002.5 vmemoryuse:devctl=2147483648/process 814
\xff\xfe\x1b[2J
1790000070 maxproc:devctl=49 815
1790000131 maxproc:devctl=49 815
1790000190 maxproc:devctl=49 815
17900"""


class Unpacking(FakeHost):
    """A host with zstd(1)."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", **how: Any) -> Result:
        assert tuple(argv[:2]) == (tools.ZSTD, "-dcq"), argv
        done = subprocess.run(["zstd", *argv[1:]], input=stdin, capture_output=True, check=False)
        return Result(tuple(argv), done.returncode, done.stdout.decode("utf-8", "replace"))


def zstd(data: bytes) -> bytes:
    """What newsyslog(8) of 15 makes of a log."""
    words = ["zstd", "-q", "-T0", "--adapt", "--long", "-c"]
    return subprocess.run(words, input=data, capture_output=True, check=True).stdout


def place(tmp_path: Path) -> Path:
    directory = tmp_path / "var/log/bsdvirt/web"
    directory.mkdir(parents=True)
    return directory


def test_lines_that_are_no_reports_are_skipped() -> None:
    hits = parse_hits(LOG)
    assert [hit.pid for hit in hits] == [812, 813, 814, 815, 815, 815]
    assert hits[2] == Hit(1790000002.5, "vmemoryuse", 2147483648, "process", 814)


def test_reports_in_succession_are_one_event() -> None:
    assert [(one.resource, one.times, len(one.pids)) for one in bursts(parse_hits(LOG))] == [
        ("maxproc", 2, 2), ("vmemoryuse", 1, 1), ("maxproc", 1, 1), ("maxproc", 2, 1),
    ]  # fmt: skip


def test_the_log_before_a_rotation_is_read_too(tmp_path: Path) -> None:
    directory = place(tmp_path)
    (directory / "limits.log").write_bytes(b"1790000200 maxproc:devctl=49 816\n")
    (directory / "limits.log.0.bz2").write_bytes(bz2.compress(LOG))
    host = Unpacking(tmp_path)
    assert len(read_hits(host, "web")) == 7
    assert len(read_hits(host, "web", 1790000100)) == 3
    assert len(read_hits(host, "web", 1790000200)) == 1
    (directory / "limits.log.0.bz2").write_bytes(b"BZh9broken")
    assert len(read_hits(host, "web")) == 1
    assert read_hits(host, "nosuch") == []


@pytest.mark.parametrize(
    ("end", "pack"),
    [
        ("", bytes),
        (".bz2", bz2.compress),
        (".gz", gzip.compress),
        (".xz", lzma.compress),
        (".zst", zstd),
    ],  # fmt: skip
)
def test_a_rotated_log_in_each_compression(
    tmp_path: Path, end: str, pack: Callable[[bytes], bytes]
) -> None:
    """newsyslog.conf(5) of 15 may choose another for all logs (<compress>)."""
    directory = place(tmp_path)
    packed = directory / f"limits.log.0{end}"
    packed.write_bytes(pack(LOG))
    assert len(read_hits(Unpacking(tmp_path), "web")) == 6
    packed.write_bytes(pack(LOG)[:40])
    assert len(read_hits(Unpacking(tmp_path), "web")) < 6


def test_a_log_is_read_with_a_bound_and_no_link_is_followed(tmp_path: Path) -> None:
    directory = place(tmp_path)
    log = directory / "limits.log"
    log.write_bytes(b"1790000200 maxproc:devctl=49 816\n" * (MOST_BYTES // 16))
    assert 0 < len(read_hits(Unpacking(tmp_path), "web")) <= MOST_BYTES // 32
    log.unlink()
    (tmp_path / "secret").write_bytes(LOG)
    log.symlink_to(tmp_path / "secret")
    assert read_hits(Unpacking(tmp_path), "web") == []


def test_events_are_of_guests_only(tmp_path: Path) -> None:
    directory = place(tmp_path)
    (directory / "limits.log").write_bytes(LOG)
    for name in ("web.old1", "-x", "WEB"):
        (directory.parent / name).mkdir()
        (directory.parent / name / "limits.log").write_bytes(LOG)
    host = Unpacking(tmp_path)
    assert {row.subject for row in limit_events(host, ())} == {"web"}
    assert len(list(limit_events(host, ["w*"]))) == 4
    assert not list(limit_events(host, ["db"]))
    first = next(limit_events(host, ["web"]))
    assert first.message == "reached its limit of maxproc, 50, 2 times"
    assert (first.time, first.seconds) == ("2026-09-21T14:13:21Z", 1.0)
