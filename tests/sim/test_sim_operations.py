"""The log of operations, and `events`, which reads it."""

from __future__ import annotations

import bz2
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import REPOSITORY
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView

from bsdvirt_sim import SimHost

LOG = "/var/log/bsdvirt/operations.log"
Host = tuple[Bsdvirt, HostView, Path]


@pytest.fixture
def host() -> Iterator[Host]:
    with sim_world() as (driver, view):
        assert driver.sim is not None
        view.fs.path(LOG).unlink(missing_ok=True)
        driver.ok("create", "jail", "web")
        yield driver, view, driver.sim


def run(sim: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, with these variables."""
    kept = {k: v for k, v in os.environ.items() if k not in ("SUDO_USER", "DOAS_USER", "RC_PID")}
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(sim), *words)
    return subprocess.run(
        argv, cwd=REPOSITORY, env={**kept, **env}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def last(driver: Bsdvirt, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = driver.json("events", *words)[-1]
    return found


def test_an_operation_is_a_line_with_who_and_how_long(host: Host) -> None:
    driver, view, sim = host
    nobody = pwd.getpwnam("nobody")
    assert run(sim, "start", "web", SUDO_USER="nobody").returncode == 0
    row = last(driver, "web")
    assert (row["verb"], row["subject"], row["kind"], row["ok"]) == ("start", "web", "guest", True)
    assert (row["user"], row["uid"]) == ("nobody", nobody.pw_uid)
    assert row["command"][-2:] == ["start", "web"]
    assert row["op"] and row["seconds"] > 0 and row["message"] == ""
    mode = view.fs.path(LOG).stat().st_mode
    assert stat.S_IMODE(mode) == 0o640
    assert run(sim, "boot", "stop", RC_PID="1").returncode == 0
    assert last(driver, "web")["user"] == "boot"
    assert run(sim, "start", "web", DOAS_USER="a\x1b[2Jb").returncode == 0
    assert last(driver, "web")["user"] == "a\\x1b[2Jb"


def test_why_the_last_start_failed(host: Host) -> None:
    driver, _, _ = host
    driver.ok("set", "web", "devfs_ruleset=99")
    driver.fails(5, "start", "web")
    row = last(driver, "web", "--failed")
    assert row["verb"] == "start" and "devfs ruleset 99" in row["message"] and row["hint"]
    assert "devfs ruleset 99" in driver.ok("events", "web", "--failed", "-l", "1").stdout


def test_what_failed_has_its_command_and_what_was_undone(host: Host) -> None:
    driver, _, sim = host
    assert run(sim, "start", "web", BSDVIRT_FAULT="fail:6").returncode == 1
    row = last(driver, "web")
    assert not row["ok"] and row["message"].startswith("step 6 failed")
    assert any("bv1n0a destroy" in line for line in row["undone"]) and row["left"] == []
    SimHost(sim).settings.fill_pool("zroot")
    driver.fails(1, "create", "jail", "more")
    row = last(driver, "more")
    assert row["argv"][:2] == ["/sbin/zfs", "create"] and row["status"] == 1
    assert row["stderr"].endswith("out of space")


def test_what_was_cut_short_is_there_once_it_is_recovered(host: Host) -> None:
    driver, _, sim = host
    assert run(sim, "start", "web", BSDVIRT_FAULT="kill-after:6").returncode == -signal.SIGKILL
    assert last(driver, "web")["verb"] == "create"
    driver.ok("doctor", "--repair")
    row = last(driver, "web")
    assert row["verb"] == "start" and "cut short" in row["message"] and row["undone"]


def test_no_password_is_in_it(host: Host) -> None:
    driver, view, _ = host
    secret = "$6$abcdefgh$" + "x" * 86
    driver("create", "vm", "box", f"cloud_init.password={secret}", "disks.0.size=1G")
    driver("set", "box", f"cloud_init.password={secret}")
    assert secret not in view.fs.read_text(LOG)


def test_only_what_is_asked_for(host: Host) -> None:
    driver, _, _ = host
    driver.ok("create", "jail", "db", "db2")
    driver.ok("start", "web")
    assert {row["subject"] for row in driver.json("events", "db*")} == {"db", "db2"}
    assert [row["subject"] for row in driver.json("events", "-l", "1")] == ["web"]
    assert driver.json("events", "--failed") == []
    assert driver.json("events", "--since", "2100-01-01") == []
    assert len(driver.json("events", "--since", "1h", "db")) == 1
    assert driver.fails(2, "events", "--since", "soon", says="not a time")
    columns = driver.ok("events", "-H", "-l", "1").stdout.rstrip("\n").split("\t")
    assert columns[2:5] == ["start", "web", "yes"]


def test_a_line_that_is_none_is_skipped(host: Host) -> None:
    driver, view, _ = host
    good = view.fs.read_text(LOG)
    bad = [
        "2026-11-27 newsyslog: logfile turned over", "{", '{"time": 1}', "\0" * 100,
        "x" * (1 << 19),
        '{"time":"2100-01-01T00:00:00Z","verb":"\x1b[2J","subject":"a\u202eb","ok":true,'
        '"message":"\x9b31m"}',
    ]  # fmt: skip
    view.fs.path(LOG).write_text("\n".join([*bad, good]))
    shown = driver.ok("events").stdout
    assert "create" in shown and "\x1b" not in shown and "\u202e" not in shown
    assert len(driver.json("events")) >= 1


def test_the_log_before_the_last_rotation_is_read_too(host: Host) -> None:
    driver, view, _ = host
    path = view.fs.path(LOG)
    path.with_name("operations.log.0.bz2").write_bytes(bz2.compress(path.read_bytes()))
    path.write_bytes(b"")
    assert last(driver)["subject"] == "web"
    driver.ok("start", "web")
    assert [row["verb"] for row in driver.json("events", "web")] == ["create", "start"]


@pytest.mark.parametrize("what", ["link", "directory", "fifo", "gone"])
def test_a_log_that_cannot_be_read_or_written_stops_nothing(host: Host, what: str) -> None:
    driver, view, _ = host
    path = view.fs.path(LOG)
    path.unlink()
    if what == "link":
        path.symlink_to("/nosuch/place")
    elif what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    driver.ok("start", "web")
    driver("events")
    driver.ok("stop", "web")


def test_following(host: Host) -> None:
    driver, view, sim = host
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(sim), "events", "-f", "--json")
    process = subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["verb"] == "create"
        driver.ok("start", "web")
        assert json.loads(process.stdout.readline())["verb"] == "start"
        path = view.fs.path(LOG)
        path.rename(path.with_name("operations.log.0"))
        driver.ok("stop", "web")
        assert json.loads(process.stdout.readline())["verb"] == "stop"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
