"""The parts that supervisors of both kinds are made of."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bsdvirt.host import tools
from bsdvirt.supervise import process
from bsdvirt.supervise.events import Events
from bsdvirt.supervise.log import LOG_BYTES, Log
from bsdvirt.supervise.policy import Restarts

PROGRAM = Path(tools.SUPERVISE[-1])


def test_only_the_standard_library_is_imported_and_all_of_the_package_at_once() -> None:
    """So that it outlives an upgrade of the package beneath it."""
    argv = (*tools.SUPERVISE[:3], "-X", "importtime", str(PROGRAM), "vm", "stop", "/nonexistent")
    shown = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert shown.returncode == 3
    loaded = set(re.findall(r"\| +([\w.]+)$", shown.stderr, re.MULTILINE))
    assert not {name.split(".")[0] for name in loaded} - sys.stdlib_module_names - {"bsdvirt"}
    package = {f"bsdvirt.supervise.{path.stem}" for path in PROGRAM.parent.glob("[a-z]*.py")}
    devices = (PROGRAM.parent / "devices").glob("[a-z]*.py")
    package |= {f"bsdvirt.supervise.devices.{path.stem}" for path in devices}
    # A program of its own, which a pipe runs.
    package -= {"bsdvirt.supervise.pump"}
    ours = {name for name in loaded if name.startswith("bsdvirt")}
    assert ours == package | {"bsdvirt.supervise", "bsdvirt.supervise.devices"}


def test_words_that_it_does_not_know() -> None:
    for words in ((), ("vm",), ("vm", "dance", "/"), ("host", "start", "/")):
        shown = subprocess.run(
            (*tools.SUPERVISE, *words), capture_output=True, text=True, check=False
        )
        assert shown.returncode == 1
        assert "KIND MODE FILE" in shown.stderr


# ---- restarts ----


def _policy(**more: Any) -> dict[str, Any]:
    return {"most": 3, "window": 600, "backoff": [2, 10]} | more


def test_most_restarts_within_the_window() -> None:
    restarts = Restarts()
    assert [restarts.count(_policy()) for _ in range(4)] == [True, True, True, False]
    # More are allowed at once, by a guest that runs.
    assert restarts.count(_policy(most=4))


def test_restarts_before_the_window_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    restarts = Restarts()
    assert [restarts.count(_policy(most=1)) for _ in range(2)] == [True, False]
    now[0] += 601
    assert restarts.count(_policy(most=1))


def test_most_of_0_sets_no_limit() -> None:
    restarts = Restarts()
    assert all(restarts.count(_policy(most=0)) for _ in range(100))


def test_pauses_are_doubled_until_a_run_lasts() -> None:
    restarts = Restarts()
    assert [restarts.pause(_policy(), 0.1) for _ in range(5)] == [2, 4, 8, 10, 10]
    assert restarts.pause(_policy(), 10.5) == 2
    assert restarts.pause(_policy(), 9.5) == 4


# ---- processes ----


def test_a_tool_is_run_to_its_end() -> None:
    assert process.run(["/bin/sh", "-c", "echo one; echo two >&2; exit 3"]) == (3, "one\ntwo")
    assert process.run(["/nonexistent"]) == (127, "/nonexistent: No such file or directory")


def test_a_tool_that_prints_without_end_is_read_and_bounded() -> None:
    status, printed = process.run(["/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"])
    assert (status, len(printed)) == (0, process.PRINTED)


def test_a_tool_that_hangs_is_killed() -> None:
    assert process.run(["/bin/sleep", "1000"], seconds=1) == (-9, "")


def test_start_times_are_of_the_uptime() -> None:
    assert process.started("12", 100.4) == "88"
    assert process.started("-", 100.4) == ""
    assert not process.same_start("", "")
    assert not process.same_start("100", "90")
    assert process.same_start("100", "100")


def test_a_process_is_known_by_its_start_whatever_the_clock_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen(["/bin/sleep", "1000"]) as child:
        start = process.identity(child.pid)[0]
        monkeypatch.setattr(time, "time", lambda: 0.0)
        assert process.is_process(child.pid, start)
        assert 0 <= process.age(start) < 600
        assert not process.is_process(child.pid, str(int(start) + 1000))
        child.kill()
    assert not process.is_process(child.pid, start)


# ---- logs ----


def test_a_log_without_room_harms_no_other_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(str(tmp_path / "console.log"))
    log.write(b"x\n" * (LOG_BYTES // 2 - 5))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    log.write(b"while the disk is full\n" * 3)
    monkeypatch.undo()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert log.fd not in (ours.fileno(), theirs.fileno())
        log.write(b"there is room again\n")
        assert b"there is room again\n" in log.recent(1000)
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(100)


def test_what_bhyve_complains_of_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "bhyve.log"
    log = Log(str(path))
    with path.open("ab", buffering=0) as bhyve:
        bhyve.write(b"short\n")
        assert not log.trim()
        bhyve.write(b"x" * LOG_BYTES + b"last\n")
        assert log.trim()
        bhyve.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    old = path.with_name("bhyve.log.0").read_bytes()
    assert len(old) == LOG_BYTES
    assert old.endswith(b"xlast\n")


def test_an_event_of_a_closed_descriptor_is_not_anothers() -> None:
    """Both are ready at once; the first act closes the second's, and its number is used again."""
    events = Events()
    acted: list[str] = []
    (one, end), (two, other) = os.pipe(), os.pipe()
    os.write(end, b"x")
    os.write(other, b"x")

    def first(_: int) -> None:
        acted.append("first")
        for fd in (one, two):
            events.forget(fd)
        os.dup2(one, two)
        events.want(two, lambda _: acted.append("third"))

    events.want(one, first)
    events.want(two, lambda _: acted.append("second"))
    events.wait()
    assert acted == ["first"]
    for fd in (one, end, two, other):
        os.close(fd)
