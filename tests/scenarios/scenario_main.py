"""Jails with a main command in place of /etc/rc: supervised, restarted, stopped with it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from typing import Any

from scenario_driver import Bsdvirt, state, wait_for
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

from bsdvirt.layout import main_file

LONG = "sleep 1000"
NOTHING = {"state": "", "runs": 0, "pid": 0, "watched": False, "why": ""}


def patience(view: HostView) -> float:
    return 20 if view.simulated else 90


def main(driver: Bsdvirt, name: str) -> dict[str, Any]:
    """What is told of it; nothing for the moment between its end and the note of that."""
    found: dict[str, Any] = driver.json("info", name).get("main", NOTHING)
    return found


def lives(pid: int) -> bool:
    argv = ["/bin/ps", "-o", "state=", "-p", str(pid)]
    shown = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    return bool(shown) and not shown.startswith("Z")


def keeper_of(view: HostView, name: str) -> int:
    return int(view.fs.read_text(f"/var/run/bsdvirt/locks/keeper.{name}").split()[-1])


@scenario()
def a_jail_of_one_command(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", f"run=echo it runs; {LONG}", "resolver.mode=keep")
    before = view.everything()
    driver.ok("start", "t1")
    told = main(driver, "t1")
    assert (told["state"], told["runs"], told["watched"]) == ("running", 1, True)
    assert lives(told["pid"])
    shown = [process["command"] for process in driver.json("ps", "t1")]
    assert any(LONG in command for command in shown)
    assert not any("cron" in command for command in shown)
    assert "it runs" in driver.ok("logs", "t1").stdout
    assert "already running" in driver.ok("start", "t1").stdout
    keeper = keeper_of(view, "t1")
    assert "t1: stopped\n" in driver.ok("stop", "t1").stdout
    assert not lives(told["pid"])
    wait_for(lambda: not lives(keeper), 5)
    assert_same(before, view.everything())
    driver.ok("start", "t1")
    again = main(driver, "t1")
    driver.ok("stop", "t1", "--force")
    assert not lives(again["pid"])
    assert_same(before, view.everything())


@scenario()
def a_command_that_ends_well_ends_its_jail(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "run=sleep 3")
    driver.ok("start", "t1")
    wait_for(lambda: state(driver, "t1") == "stopped", patience(view))
    wait_for(lambda: main(driver, "t1")["state"] == "stopped", patience(view))
    assert main(driver, "t1")["why"] == "its main command ended with exit status 0"
    driver.ok("doctor")
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def a_command_that_fails_is_run_again(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "run=echo once more; sleep 2; exit 3", "restart.most=2")
    driver.ok("start", "t1")
    wait_for(lambda: state(driver, "t1") == "failed", 2 * patience(view))
    info = driver.json("info", "t1")
    said = "its main command ended with exit status 3"
    assert info["failure"] == f"{said}, and was run again 2 times within 600 s"
    assert (info["main"]["runs"], info["main"]["status"]) == (3, 3)
    assert driver.ok("logs", "t1").stdout.count("once more") == 3
    events = view.fs.read_or("/var/log/bsdvirt/events.log")
    assert f"{said}: again in 2 s" in events
    # Its jail is gone a moment before what the start had written is.
    wait_for(
        lambda: not [f for f in view.run_files() if f.endswith(("/t1.conf", "/t1.run"))],
        patience(view),
    )
    driver.ok("set", "t1", "restart.policy=never", "run=exit 4")
    driver.fails(1, "start", "t1", says="its main command ended with exit status 4 at once")
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def how_it_is_run_again_is_changed_at_once(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "run=sleep 2; exit 3", "restart.most=0")
    driver.ok("start", "t1")
    wait_for(lambda: main(driver, "t1")["runs"] > 1, patience(view))
    assert "next start" not in driver.ok("set", "t1", "restart.policy=never").stderr
    wait_for(lambda: state(driver, "t1") == "failed", 2 * patience(view))
    assert driver.json("info", "t1")["failure"] == "its main command ended with exit status 3"
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def a_command_that_is_not_there(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "run=no-such-command -x", "restart.policy=always")
    driver.fails(1, "start", "t1", says="ended with exit status 127 at once")
    assert state(driver, "t1") == "failed"
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])
    driver.fails(2, "create", "jail", "t2", "restart.policy=always", says="no main command")
    driver.fails(2, "create", "jail", "t2", "run=true", "run_user=a b", says="not a user")


@scenario()
def one_that_heeds_no_signal_is_killed(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", f"run=trap '' TERM; {LONG}", "restart.policy=always",
              "stop.timeout=2", "stop.grace=1")  # fmt: skip
    driver.ok("start", "t1")
    pid = main(driver, "t1")["pid"]
    began = time.monotonic()
    stopped = driver.ok("stop", "t1")
    assert "t1: stopped by force" in stopped.stdout
    assert "did not end within 2 s" in stopped.stderr
    assert time.monotonic() - began < patience(view)
    assert not lives(pid)
    assert not nothing_of(view, ["t1"])


@scenario(sim_only=True)
def what_it_prints_does_not_fill_the_disk(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", f"run={LONG}")
    started = driver("start", "t1", env={"BSDVIRT_LOG_LOOK": "0.2"})
    assert started.status == 0, started
    log = view.fs.path("/var/log/bsdvirt/t1/console.log")
    with log.open("ab", buffering=0) as stream:
        stream.write(b"x" * (600 << 10) + b"\nlast\n")
        wait_for(lambda: log.stat().st_size == 0, patience(view))
        stream.write(b"after\n")
    assert log.read_text() == "after\n"
    old = log.with_name("console.log.0")
    assert old.stat().st_size == 512 << 10
    assert old.read_text().endswith("x\nlast\n")
    driver.ok("stop", "t1")


@scenario()
def one_that_prints_without_end_has_a_bounded_log(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "run=yes 'a line that comes again and again'")
    driver.ok("start", "t1")
    log = view.fs.path("/var/log/bsdvirt/t1/console.log")
    old = log.with_name("console.log.0")
    wait_for(old.exists, patience(view), "the log is moved aside")
    # The reader of its pipe dies: it waits, and is not killed; and is read again.
    pid = main(driver, "t1")["pid"]
    os.kill(keeper_of(view, "t1"), signal.SIGKILL)
    wait_for(lambda: not main(driver, "t1")["watched"], 5)
    assert lives(pid)
    size, before = log.stat().st_size, old.stat().st_mtime_ns
    assert driver.ok("start", "t1").stdout.count("watched again") == 1
    wait_for(lambda: log.stat().st_size != size or old.stat().st_mtime_ns != before, patience(view))
    assert main(driver, "t1")["pid"] == pid
    assert log.stat().st_size <= 512 << 10
    assert old.stat().st_size <= 512 << 10
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario(sim_only=True)
def who_looks_at_a_keepers_lock_is_no_keeper(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", f"run={LONG}", "restart.policy=always")
    driver.ok("start", "t1")
    pid = main(driver, "t1")["pid"]
    os.kill(keeper_of(view, "t1"), signal.SIGKILL)
    wait_for(lambda: not main(driver, "t1")["watched"], 5)
    # One that only looks holds it for long; the number of the dead keeper is another's now.
    path = view.fs.path("/var/run/bsdvirt/locks/keeper.t1")
    path.write_text("")
    other = subprocess.Popen(["/bin/sleep", "60"])
    told = json.loads(view.fs.read_text(main_file("t1")))
    view.fs.write(main_file("t1"), json.dumps(told | {"keeper": other.pid}))
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    timer = threading.Timer(1.0, os.close, (descriptor,))
    timer.start()
    driver.ok("stop", "t1")
    timer.join()
    assert not lives(pid)
    assert other.poll() is None
    other.kill()
    other.wait()


@scenario(sim_only=True)
def a_process_that_has_its_number_now_is_left_alone(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", f"run={LONG}", "restart.policy=always")
    driver.ok("start", "t1")
    pid = main(driver, "t1")["pid"]
    os.kill(keeper_of(view, "t1"), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not lives(pid) and not main(driver, "t1")["watched"], 5)
    # It leads a process group, as the command did.
    other = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    told = json.loads(view.fs.read_text(main_file("t1")))
    view.fs.write(main_file("t1"), json.dumps(told | {"pid": other.pid}))
    driver.ok("start", "t1")
    wait_for(lambda: main(driver, "t1")["runs"] == 2, patience(view))
    driver.ok("stop", "t1")
    assert other.poll() is None
    other.kill()
    other.wait()


@scenario()
def a_main_command_survives_its_keeper(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", f"run={LONG}", "restart.policy=always")
    driver.ok("start", "t1")
    told = main(driver, "t1")
    os.kill(keeper_of(view, "t1"), signal.SIGKILL)
    wait_for(lambda: not main(driver, "t1")["watched"], 5)
    assert lives(told["pid"])
    assert "nobody watches its main command" in driver("doctor").stdout
    driver.ok("doctor", "--repair")
    assert (main(driver, "t1")["watched"], main(driver, "t1")["pid"]) == (True, told["pid"])
    os.kill(keeper_of(view, "t1"), signal.SIGKILL)
    wait_for(lambda: not main(driver, "t1")["watched"], 5)
    assert "its main command is watched again" in driver.ok("start", "t1").stdout
    os.kill(told["pid"], signal.SIGKILL)
    wait_for(lambda: main(driver, "t1")["runs"] == 2, patience(view))
    os.kill(keeper_of(view, "t1"), signal.SIGKILL)
    wait_for(lambda: not main(driver, "t1")["watched"], 5)
    pid = main(driver, "t1")["pid"]
    driver.ok("stop", "t1")
    assert not lives(pid)
    assert not nothing_of(view, ["t1"])


@scenario()
def its_jail_removed_behind_our_back(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", f"run={LONG}", "restart.policy=always")
    driver.ok("start", "t1", "t2")
    keeper = keeper_of(view, "t1")
    view.do("/usr/sbin/jail", "-R", "t1")
    wait_for(lambda: not lives(keeper), patience(view))
    assert state(driver, "t1") == "stopped"
    assert main(driver, "t1")["why"] == "its jail was removed"
    assert not nothing_of(view, ["t1"])
    driver.ok("start", "t1")
    driver.ok("boot", "stop", "--budget", "40")
    assert [row["state"] for row in driver.json("ls")] == ["stopped", "stopped"]
    assert not nothing_of(view, ["t1", "t2"])
