"""Shutdown of the host during other operations, and what a lost shutdown left."""

from __future__ import annotations

import json
import os
import subprocess
import time

from scenario_boot import REAL_TIME, states
from scenario_driver import Bsdvirt, wait_for
from scenario_hosts import scenario
from scenario_view import HostView, nothing_of

from bsdvirt_sim import SimHost

STARTING = "/var/run/bsdvirt/starting"


@scenario()
def a_start_under_way_ends_first(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "boot.auto=yes")
    driver.ok("set", "t1", "exec.start=sleep 100")
    driver.ok("set", "t2", "boot.after=t1")
    driver.ok("create", "jail", "t3", "--start")
    starting = driver.begin("boot", "start", env=REAL_TIME)
    wait_for(lambda: "t1" in view.jails(), 60)
    assert view.fs.listdir(STARTING) == [str(starting.pid)]
    # One that was killed hinders nothing.
    view.fs.write(f"{STARTING}/1", "")
    budget = 15 if view.simulated else 60
    began = time.monotonic()
    driver.ok("boot", "stop", "--budget", str(budget))
    assert time.monotonic() - began < budget + 2
    ended = driver.end(starting)
    assert ended.status == 1, ended
    assert "interrupted by SIGTERM" in ended.stderr
    assert view.fs.listdir(STARTING) == []
    assert {name: state for name, state in states(driver).items() if state == "running"} == {}
    # What is known of its start that failed.
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1", "t2", "t3"])


@scenario(sim_only=True)
def a_pool_that_hangs_takes_none_of_the_time(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "t2")
    driver.ok("start", "t1", "t2")
    for tools in (("/sbin/zfs",), ("/sbin/mount", "/usr/bin/rctl")):
        view.host.settings.hang(*tools)
        began = time.monotonic()
        result = driver.end(driver.begin("boot", "stop", "--budget", "10", env=REAL_TIME))
        assert time.monotonic() - began < 10
        assert "timed out" in result.stderr
        assert not view.jails(), result
        view.host.settings.hang()
        driver.ok("doctor", "--repair")
        driver.ok("start", "t1", "t2")
    driver.ok("stop", "t1", "t2")


@scenario(sim_only=True)
def files_of_a_boot_that_was_lost(driver: Bsdvirt, view: HostView) -> None:
    """As where /var/run is not emptied: their numbers are other processes' now."""
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "run=sleep 1000", "restart.policy=always", "boot.auto=yes")
    driver.ok("create", "jail", "t2", "hooks.started.guest=hostname", "boot.auto=yes")
    driver.ok("boot", "start")
    run = view.fs.path("/var/run/bsdvirt")
    kept = {path: path.read_text() for path in run.rglob("*") if path.is_file()}
    view.host.settings.reboot()
    stranger = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    try:
        for path, text in kept.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name == "t1.main":
                text = json.dumps(json.loads(text) | {"pid": stranger.pid})
            if path.name != "boot":
                path.write_text(text)
        (run / "starting").mkdir(exist_ok=True)
        (run / f"starting/{stranger.pid}").write_text("")
        assert states(driver) == {"t1": "stopped", "t2": "stopped"}
        driver.ok("boot", "start")
        assert states(driver) == {"t1": "running", "t2": "running"}
        assert driver.json("info", "t1")["main"]["pid"] != stranger.pid
        driver.ok("boot", "stop", "--budget", "20")
        assert states(driver) == {"t1": "stopped", "t2": "stopped"}
        os.kill(stranger.pid, 0)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
