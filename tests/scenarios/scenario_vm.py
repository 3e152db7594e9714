"""Virtual machines: from an image to a login, and every way that they end.

On a real host they need a raw disk image that bhyveload(8) boots to a login on the serial
console, root without a password: BSDVIRT_TEST_GUEST names it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from scenario_driver import Bsdvirt, state, wait_for
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

GUEST_VARIABLE = "BSDVIRT_TEST_GUEST"
SMALL = ("--loader", "bhyveload", "--cpus", "1", "--memory", "256M", "--disk", "512M")
PATIENCE = 300.0
"""Seconds that a guest may take to boot where the host itself is emulated."""


def image(driver: Bsdvirt, view: HostView) -> None:
    """An image `gold` to make guests of."""
    if view.simulated:
        (view.scratch / "guest.raw").write_bytes(b"\xeb\x3c\x90" + os.urandom(4096))
        file = f"{view.host_scratch}/guest.raw"
    else:
        file = os.environ.get(GUEST_VARIABLE, "")
        if not file:
            pytest.skip(f"{GUEST_VARIABLE} names no image")
    driver.ok("image", "import", file, "--name", "gold")


def until(happened: Callable[[], object], what: str) -> None:
    """Wait for it."""
    wait_for(happened, PATIENCE, what)


def until_login(driver: Bsdvirt, name: str, times: int = 1) -> None:
    def asked() -> bool:
        return driver.ok("console", name, "--log").stdout.count("login:") >= times

    until(asked, f"{name} asks for a login")


def type_in(driver: Bsdvirt, name: str, *lines: str) -> str:
    """Log in on the console and type; what was seen."""
    typed = "".join(f"{line}\n" for line in ("", "root", *lines))
    return driver("console", name, stdin=typed).stdout


def finish(driver: Bsdvirt, *names: str) -> None:
    driver.ok("destroy", *names, "--yes", "--force")
    driver.ok("image", "rm", "gold")


@scenario(each_release=True)
def a_virtual_machine_from_an_image_to_a_login(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("start", "t1")
    until_login(driver, "t1")
    info = driver.json("info", "t1")
    assert info["state"] == "running"
    assert info["pid"] > 1
    assert info["supervisor_pid"] > 1
    assert view.fs.exists(info["console_socket"])
    (disk,) = info["disks"]
    assert (disk["name"], disk["bus"]) == ("disk0", "virtio")
    assert disk["slot"] is not None
    (nic,) = info["nics"]
    assert nic["tap"] in view.interfaces()
    assert nic["mac"] == driver.json("nic", "ls", "t1")[0]["mac"]
    assert "t1" in view.fs.listdir("/dev/vmm")
    assert "already running" in driver.ok("start", "t1").stdout
    driver.fails(4, "destroy", "t1", "--yes", says="running")
    driver.fails(4, "rename", "t1", "t2", says="running")
    driver.fails(125, "exec", "t1", "--", "true", says="virtual machine")
    assert "stopped" in driver.ok("stop", "t1").stdout
    assert state(driver, "t1") == "stopped"
    assert not nothing_of(view, ["t1"])
    assert "t1" not in view.fs.listdir("/dev/vmm")
    driver.fails(4, "console", "t1", says="not running")
    assert "login:" in driver.ok("console", "t1", "--log").stdout
    driver.ok("rename", "t1", "t2")
    assert driver.json("info", "t2")["disks"][0]["serial"] == disk["serial"]
    finish(driver, "t2")


@scenario()
def a_reset_comes_back_and_a_power_off_ends(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, "expose=tcp:18080:80", "--start")
    until_login(driver, "t1")
    rules = "/var/run/bsdvirt/pf/guest-t1.conf"
    assert view.fs.exists(rules) or not view.simulated
    driver.ok("reset", "t1")
    until_login(driver, "t1", 2)
    assert driver.json("info", "t1")["runs"] == 2
    # A run counts as one once it has lived for a second.
    until(lambda: state(driver, "t1") == "running", "t1 runs again")
    driver.ok("pause", "t1")
    assert state(driver, "t1") == "paused"
    driver.ok("resume", "t1")
    assert state(driver, "t1") == "running"
    type_in(driver, "t1", "shutdown -p now" if not view.simulated else "poweroff")
    until(lambda: state(driver, "t1") == "stopped", "t1 is off")
    assert not view.fs.exists(rules)
    assert not nothing_of(view, ["t1"])
    assert "t1" not in view.fs.listdir("/dev/vmm")
    finish(driver, "t1")


@scenario()
def what_is_killed_is_mended(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, "--start")
    until_login(driver, "t1")
    before = driver.json("info", "t1")
    os.kill(before["supervisor_pid"], signal.SIGKILL)
    until(lambda: driver.json("info", "t1")["supervisor_pid"] is None, "the supervisor is gone")
    assert state(driver, "t1") == "running"
    driver.fails(4, "console", "t1", says="bsdvirt start t1")
    assert driver("doctor").status == 1
    driver.ok("doctor", "--repair")
    after = driver.json("info", "t1")
    assert after["pid"] == before["pid"]
    assert after["supervisor_pid"] != before["supervisor_pid"]
    # bhyve: by the policy for crashes it is run again.
    os.kill(after["pid"], signal.SIGKILL)
    until(lambda: driver.json("info", "t1")["runs"] == 2, "it is run again")
    until_login(driver, "t1", 2)
    # Both: nobody is there to run it again, and nothing is forgotten.
    both = driver.json("info", "t1")
    os.kill(both["supervisor_pid"], signal.SIGKILL)
    os.kill(both["pid"], signal.SIGKILL)
    until(lambda: state(driver, "t1") == "failed", "it has failed")
    driver.ok("doctor", "--repair")
    assert "t1" not in view.fs.listdir("/dev/vmm")
    assert not nothing_of(view, ["t1"])
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    finish(driver, "t1")


@scenario()
def every_bus_has_its_disks(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    first = driver.json("disk", "ls", "t1")[0]
    for bus in ("ahci", "nvme"):
        driver.ok("set", "t1", f"disks.disk0.bus={bus}")
        driver.ok("start", "t1")
        until_login(driver, "t1", 1)
        (disk,) = driver.json("disk", "ls", "t1")
        assert disk["bus"] == bus
        assert disk["serial"] == first["serial"]
        assert "next start" in driver.ok("set", "t1", "disks.disk0.nocache=yes").stderr
        driver.ok("set", "t1", "disks.disk0.nocache=")
        driver.ok("stop", "t1", "--force")
    driver.ok("disk", "add", "t1", "data", "--size", "64M", "--bus", "ahci")
    driver.ok("disk", "resize", "t1", "data", "128M")
    driver.fails(2, "disk", "resize", "t1", "data", "64M")
    assert f"{view.root}/guests/t1/data" in view.datasets()
    kept = driver.ok("disk", "rm", "t1", "data").stderr
    assert "is kept, with the data on it" in kept
    driver.ok("disk", "add", "t1", "data", "--size", "128M")
    driver.ok("disk", "rm", "t1", "data", "--destroy", "--yes")
    assert f"{view.root}/guests/t1/data" not in view.datasets()
    finish(driver, "t1")


@scenario()
def starts_that_cannot_be(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("disk", "add", "t1", "bad", "--path", "/nonexistent/disk")
    before = view.everything()
    failed = driver("start", "t1")
    assert failed.status != 0
    assert "/nonexistent/disk" in failed.stderr
    assert state(driver, "t1") == "failed"
    assert "/nonexistent/disk" in driver.json("info", "t1")["failure"]
    driver.ok("disk", "rm", "t1", "bad")
    results = driver.all_at_once(("start", "t1"), ("start", "t1"))
    assert sorted(r.status for r in results) in ([0, 0], [0, 4])
    driver.ok("stop", "t1", "--force")
    assert before["interfaces"] == view.everything()["interfaces"]
    finish(driver, "t1")


@scenario()
def many_created_and_destroyed_leave_nothing(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    before = view.everything()
    for _ in range(3 if view.simulated else 2):
        driver.ok("create", "vm", "t1", "t2", "--image", "gold", *SMALL, "--start")
        driver.ok("destroy", "t1", "t2", "--yes", "--force")
    assert_same(before, view.everything())
    driver.ok("image", "rm", "gold")


@scenario()
def boot_starts_and_stops_both_kinds(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, "boot.auto=yes")
    driver.ok("create", "jail", "t2", "boot.auto=yes", "boot.after=t1", "resolver.mode=keep")
    driver.fails(2, "set", "t1", "boot.ready=true", says="boot.ready")
    driver.ok("boot", "start")
    assert state(driver, "t1") == "running"
    assert state(driver, "t2") == "running"
    until_login(driver, "t1")
    driver.ok("boot", "stop", "--budget", "60")
    assert state(driver, "t1") == "stopped"
    assert state(driver, "t2") == "stopped"
    assert not nothing_of(view, ["t1", "t2"])
    finish(driver, "t1", "t2")


@scenario()
def in_the_foreground_it_is_a_process_like_any(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    process = driver.begin("run", "t1")
    until_login(driver, "t1")
    assert driver.json("info", "t1")["supervisor_pid"] == process.pid
    process.send_signal(signal.SIGTERM)
    assert driver.end(process).status == 0
    assert state(driver, "t1") == "stopped"
    assert "t1" not in view.fs.listdir("/dev/vmm")
    finish(driver, "t1")
