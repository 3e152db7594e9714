"""Attempts to break bsdvirt: clones, signals, locks, arguments in any order."""

from __future__ import annotations

import time

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_trouble import holding
from scenario_view import HostView, assert_same


@scenario()
def a_clone_of_a_guest_stops_its_destroy(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    root = f"{view.root}/guests/t1/root"
    view.do("/sbin/zfs", "snapshot", f"{root}@mine")
    view.do("/sbin/zfs", "clone", f"{root}@mine", f"{view.pool}/tclone")
    before = view.everything()
    try:
        result = driver("destroy", "t1", "--yes")
        assert result.status in (1, 4), result
        assert "tclone" in result.stderr
        assert_same(before, view.everything())
    finally:
        view.do("/sbin/zfs", "destroy", f"{view.pool}/tclone")


@scenario()
def interrupted_by_a_signal(driver: Bsdvirt, view: HostView) -> None:
    seconds = 6 if view.simulated else 40
    driver.ok("create", "jail", "t1", f"exec.start=/bin/sleep {seconds}", "limits.maxproc=30")
    before = view.everything()
    process = driver.begin("start", "t1", env={"BSDVIRT_SIM_REALTIME": "1"})
    time.sleep(1 if view.simulated else 5)
    process.terminate()
    began = time.monotonic()
    result = driver.end(process)
    assert result.status != 0, result
    assert time.monotonic() - began < 20
    assert "Traceback" not in result.stderr
    after = view.everything()
    after["files"].pop("/var/run/bsdvirt/failed/t1", None)
    assert_same(before, after)


@scenario()
def all_and_names_do_not_go_together(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    driver.fails(2, "start", "--all", "t1", says="--all")


@scenario()
def an_empty_release_is_no_release(driver: Bsdvirt, view: HostView) -> None:
    driver.fails(2, "create", "jail", "t1", "--release", "", says="release")
    assert not view.leftovers()


@scenario()
def a_new_guest_waits_for_guests_that_are_there(driver: Bsdvirt, view: HostView) -> None:
    driver.fails(2, "create", "jail", "t1", "boot.after=tnone", says="tnone")
    driver.fails(2, "create", "jail", "t1", "boot.after=t1", says="t1")
    assert not view.leftovers()


@scenario()
def options_and_properties_in_any_order(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--cpuset", "0", "limits.maxproc=77", "--start", "t2")
    assert [row["state"] for row in driver.json("ls")] == ["running"] * 2
    driver.ok("stop", "t1", "--timeout", "9", "t2")
    driver.ok("set", "t1", "--json", "limits.maxproc=78")


def _waits(driver: Bsdvirt, view: HostView, lock: str, *words: str) -> None:
    """The command does not go on while somebody has that lock, and does when not."""
    with holding(view, lock):
        process = driver.begin(*words)
        time.sleep(2)
        assert process.poll() is None, driver.end(process)
    result = driver.end(process)
    assert result.status == 0, result


@scenario()
def nothing_is_made_of_what_may_be_going(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", "--address", "10.79.1.1/24",
              "--pool", "10.79.1.2-10.79.1.9")  # fmt: skip
    release = f"release.{view.release}"
    _waits(driver, view, release, "create", "jail", "t1", "--network", "tnet")
    _waits(driver, view, "network.tnet", "create", "jail", "t2", "--network", "tnet")
    _waits(driver, view, "network.tnet", "set", "t1", "nics.1.network=tnet")
