"""Commands that are begun before their result is asked for."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from bsdvirt.facts import jls
from bsdvirt.host import begun
from bsdvirt.host.begun import Begun, Result
from bsdvirt.host.real import RealHost
from bsdvirt.zfs.cli import CliZfs, begin_shallow

SH = "/bin/sh"


def ended(line: str, timeout: float = 20.0) -> Result:
    return Begun((SH, "-c", line)).result(timeout)


def test_a_command_that_was_begun_is_run_once_and_by_the_rules(tmp_path: object) -> None:
    """Those of every command: tests/unit/host/test_real.py."""
    file = f"{tmp_path}/times"
    show = f'echo x >>{file}; pwd; echo "$LC_ALL:$HOME"; cat; ps -o sid= -o pid= -p $$'
    argv = (SH, "-c", show)
    begun.begin(*argv)
    begun.begin(*argv)
    shown = RealHost().run(argv, changes=False).check().stdout.split("\n")
    assert shown[:2] == ["/", "C:/root"]
    session, pid = shown[2].split()
    assert session == pid
    assert begun.taken(argv) is None
    RealHost().run(argv, changes=False).check()
    with open(file) as lines:
        assert len(lines.readlines()) == 2


@pytest.mark.parametrize(
    ("line", "status", "stdout", "stderr"),
    [
        ("echo out; echo err >&2; exit 3", 3, "out\n", "err\n"),
        ("kill -TERM $$", -15, "", ""),
        (r"printf 'a\377b'", 0, "a\ufffdb", ""),
        # Both outputs are more than a pipe holds.
        ("i=0; while [ $i -lt 9000 ]; do echo 123456789; echo 123456789 >&2; i=$((i+1)); done",
         0, "123456789\n" * 9000, "123456789\n" * 9000),
        # Signals that Python ignores have their usual effect.
        ("yes | head -1", 0, "y\n", ""),
    ],
)  # fmt: skip
def test_how_it_ended(line: str, status: int, stdout: str, stderr: str) -> None:
    found = ended(line)
    assert (found.status, found.timed_out) == (status, False)
    assert (found.stdout, found.stderr) == (stdout, stderr)


def test_a_missing_tool_is_127() -> None:
    found = Begun(("/nosuch/tool", "-x")).result(20.0)
    assert (found.status, found.stderr) == (127, "/nosuch/tool: No such file or directory\n")


def test_one_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "KILL_AFTER_SECONDS", 0.2)
    began = time.monotonic()
    found = ended("trap '' TERM; echo so far; sleep 60 & wait; wait", timeout=0.3)
    assert (found.timed_out, found.stdout) == (True, "so far\n")
    assert time.monotonic() - began < 30


def test_one_that_prints_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun, "READ_BYTES", 1 << 20)
    found = ended("exec yes")
    assert (found.ok, found.stderr) == (False, "it printed more than 1 MiB\n")


def test_a_command_takes_the_place_of_the_process() -> None:
    """With the signals that Python ignores as they were."""
    program = (
        "from bsdvirt.host.real import RealHost;"
        "RealHost().attach(('/bin/sh', '-c', 'echo $A$B $$; yes | head -1; exit 7'),"
        " environment={'A': 'given'}, last=True)"
    )
    argv = (sys.executable, "-c", program)
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={"B": "not given"},
    )  # fmt: skip
    shown, said = process.communicate()
    assert (process.returncode, shown, said) == (7, f"given {process.pid}\ny\n", "")


def test_what_a_listing_begins_is_what_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word; what is asked again is run again, with another mark."""
    ahead: list[tuple[str, ...]] = []
    monkeypatch.setattr(begun, "begin", lambda *argv: ahead.append(argv))
    ran: list[tuple[str, ...]] = []

    class Asked:
        def run(self, argv: tuple[str, ...], *, changes: bool) -> Result:
            assert not changes
            ran.append(argv)
            return Result(argv, 0, '{"jail-information": {"jail": []}}')

    host: Any = Asked()
    jls.begin_all()
    jls.begin_one("web")
    begin_shallow("zroot/bsdvirt", "tank/bsdvirt", "zroot/bsdvirt")
    for _ in range(2):
        jls.read_jails(host)
        jls.read_jail(host, "web")
        CliZfs(host).shallow("zroot/bsdvirt", "tank/bsdvirt")
    assert ran[:3] == ahead
    assert ran[3:5] == ran[:2]
    assert ran[5] != ran[2] and len(ran[5]) == len(ran[2])
