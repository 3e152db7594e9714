"""Starts of virtual machines that fail, or are stopped before they have come to run."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from scenario_driver import Bsdvirt, state
from scenario_hosts import scenario
from scenario_view import HostView, nothing_of
from scenario_vm import SMALL, finish, image, type_in, until, until_login

from bsdvirt.layout import bhyve_conf, first_conf, state_file, supervisor_log
from bsdvirt_sim import SimHost

IN_VAIN = "stopped while starting"


def standing(driver: Bsdvirt, name: str, *words: str) -> subprocess.Popen[str]:
    """A start of a guest that stands in its loader, since there is nothing on its disk."""

    def prompts() -> int:
        return driver("console", name, "--log").stdout.count("OK ")

    before = prompts()
    process = driver.begin(*(words or ("start", name)))
    until(lambda: prompts() > before, f"{name} is in its loader")
    return process


def gave_up(driver: Bsdvirt, process: subprocess.Popen[str]) -> None:
    """That start has failed, and says why."""
    result = driver.end(process)
    assert result.status == 1, result
    assert IN_VAIN in result.stderr, result
    assert "started" not in result.stdout, result


def left(view: HostView) -> list[str]:
    """What a start of t1 has left, but for the note that it failed."""
    found = [one for one in nothing_of(view, ["t1"]) if not one.endswith("/failed/t1")]
    return found + [name for name in view.fs.listdir("/dev/vmm") if name == "t1"]


@scenario()
def a_guest_in_its_loader_is_stopped_and_its_start_fails(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "vm", "t1", *SMALL)
    for words in (("stop", "t1"), ("stop", "--force", "t1"), ("boot", "stop")):
        process = standing(driver, "t1")
        assert "t1: stopped" in driver.ok(*words).stdout
        gave_up(driver, process)
        assert state(driver, "t1") in ("stopped", "failed")
        assert left(view) == []
    process = standing(driver, "t1")
    driver.fails(4, "destroy", "t1", "--yes", says="busy")
    driver.ok("destroy", "t1", "--yes", "--force")
    gave_up(driver, process)
    assert left(view) == []


@scenario(sim_only=True)
def a_stop_that_waits_is_hurried(driver: Bsdvirt, view: HostView) -> None:
    """A guest that does not hear the power button, and a policy that gives it an hour."""
    assert isinstance(view.host, SimHost)
    image(driver, view)
    view.host.settings.set_guest("t1", acpi=False)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("set", "t1", "stop.timeout=3600")
    driver.ok("start", "t1")
    until_login(driver, "t1")
    process = driver.begin("stop", "t1")
    until(lambda: '"stopping"' in view.fs.read_or(state_file("t1")), "t1 stops")
    driver.fails(4, "stop", "t1", says="busy")
    assert "t1: stopped" in driver.ok("stop", "--force", "t1").stdout
    assert driver.end(process).status == 0
    finish(driver, "t1")


@scenario()
def a_failed_start_is_told_in_bhyves_words(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("set", "t1", "config=[pci.0.20.0.device=nosuch]")
    failed = driver.fails(1, "start", "t1", says='unknown device "nosuch"')
    for text in (failed.stderr, driver.json("info", "t1")["failure"]):
        assert "bhyve ended with status 4" in text
        assert "supervise" not in text
    assert left(view) == []
    assert "has left" not in driver("doctor").stdout
    finish(driver, "t1")


@scenario()
def what_is_in_a_drive_counts_when_the_guest_reboots(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    (view.scratch / "more.iso").write_bytes(bytes(32768) + b"\1CD001\1" + bytes(2048))
    medium = f"{view.host_scratch}/more.iso"
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("start", "t1")
    until_login(driver, "t1")

    def port() -> bool:
        return f"path={medium}" in view.fs.read_text(bhyve_conf("t1"))

    def reboot(times: int) -> str:
        """Have the guest reboot; how its loader was run then."""
        type_in(driver, "t1", "reboot")
        until_login(driver, "t1", times)
        lines = view.fs.read_text(supervisor_log("t1")).splitlines()
        return [line for line in lines if "bhyveload" in line][-1]

    said = driver.ok("cdrom", "insert", "t1", medium)
    assert "takes hold when the guest next reboots" in said.stdout + said.stderr
    assert port()
    assert "more.iso -d " in reboot(2)
    driver.ok("cdrom", "eject", "t1")
    assert not port()
    assert "more.iso" not in reboot(3)
    finish(driver, "t1")


@scenario()
def how_it_is_stopped_is_changed_at_once(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("start", "t1")
    said = driver.ok("set", "t1", "stop.timeout=7", "stop.force=no", "restart.reset=no")
    assert "takes hold" not in said.stdout + said.stderr
    until_login(driver, "t1")
    type_in(driver, "t1", "reboot")
    until(lambda: state(driver, "t1") == "stopped", "its reset is an end")
    finish(driver, "t1")


@scenario(sim_only=True)
def a_drive_is_booted_from_once(driver: Bsdvirt, view: HostView) -> None:
    with firmware(view):
        driver.ok("create", "vm", "t1", "--memory", "256M", "--disk", "64M")
        (view.scratch / "rescue.iso").write_bytes(bytes(32768) + b"\1CD001\1" + bytes(2048))
        driver.fails(2, "start", "t1", "--boot", "cd7", says="no disk or drive cd7")
        driver.ok("cdrom", "insert", "t1", f"{view.host_scratch}/rescue.iso")
        said = driver.ok("start", "t1", "--boot", "cd0")
        assert "boots from cd0 once" in said.stdout + said.stderr
        driver.fails(4, "start", "t1", "--boot", "cd0", says="is running")
        first = view.fs.read_text(first_conf("t1"))
        own = view.fs.read_text(bhyve_conf("t1"))
        if view.release.startswith("13"):
            assert "bootindex" not in first
            assert "lpc.bootvars=/var/run/bsdvirt/vms/t1/first-vars.fd" in first
        else:
            assert "lpc.fwcfg=qemu" in first
            assert "pci.0.2.0.port.24.bootindex=0" in first
        assert "bootindex" not in own
        assert "first-vars" not in own
        until_login(driver, "t1")
        type_in(driver, "t1", "reboot")
        until_login(driver, "t1", 2)
        runs = [w for w in view.fs.read_text(supervisor_log("t1")).splitlines() if " -k " in w]
        assert [w.split(" -k ")[1].split("/")[-1] for w in runs] == [
            "first.conf t1",
            "bhyve.conf t1",
        ]
        driver.ok("stop", "t1")
        assert not view.fs.exists(first_conf("t1"))
        driver.ok("destroy", "t1", "--yes")


@scenario(sim_only=True)
def uefi_variables_are_put_aside_and_back(driver: Bsdvirt, view: HostView) -> None:
    with firmware(view):
        driver.ok("create", "vm", "t1", "--memory", "256M", "--disk", "64M")
        assert "creates new variables" in driver.ok("uefi", "reset", "t1").stdout
        driver.fails(4, "uefi", "restore", "t1", says="no variables were set aside")
        driver.ok("start", "t1")
        driver.fails(4, "uefi", "reset", "t1", says="is running")
        driver.ok("stop", "t1", "--force")
        (path,) = [p for p in view.files() if p.endswith("/uefi-vars.fd")]
        view.fs.write(path, "its own")
        driver.ok("uefi", "reset", "t1")
        driver.ok("start", "t1")
        driver.ok("stop", "t1", "--force")
        assert view.fs.read_text(path) == "fresh"
        for now, aside in (("its own", "fresh"), ("fresh", "its own")):
            driver.ok("uefi", "restore", "t1")
            assert view.fs.read_text(path) == now
            assert view.fs.read_text(f"{path}.kept") == aside
        driver.ok("uefi", "reset", "t1")
        assert view.fs.read_text(f"{path}.kept") == "fresh"
        driver.ok("destroy", "t1", "--yes")


@contextlib.contextmanager
def firmware(view: HostView) -> Iterator[None]:
    """A simulated host with the package edk2-bhyve."""
    place = "/usr/local/share/uefi-firmware"
    view.fs.mkdir(place)
    for file in ("BHYVE_UEFI_CODE.fd", "BHYVE_UEFI_VARS.fd"):
        view.fs.write(f"{place}/{file}", "fresh")
    yield
    view.fs.rmtree(place)


@scenario()
def an_hour_to_stop_is_not_the_shutdowns(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "vm", "t1", *SMALL)
    driver.ok("create", "jail", "t2")
    for name in ("t1", "t2"):
        said = driver.ok("set", name, "stop.timeout=3600", "boot.auto=yes")
        assert "the host's shutdown leaves" in said.stdout + said.stderr
        assert f"{name}: stop.timeout is 3600 s" in driver.ok("boot", "plan").stderr
        assert f"{name}: stop.timeout is 3600 s" in driver("doctor").stdout
        driver.ok("set", name, "stop.timeout=20")
    assert "the host's shutdown" not in driver.ok("boot", "plan").stderr
    driver.ok("destroy", "t1", "t2", "--yes")


@scenario()
def how_it_ended_is_told_afterwards(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    assert driver.json("info", "t1")["last_end"] is None
    driver.ok("start", "t1")
    until_login(driver, "t1")
    (nic,) = driver.json("nic", "ls", "t1")
    assert (nic["number"], nic["model"]) == (0, "virtio")
    type_in(driver, "t1", "poweroff")
    until(lambda: state(driver, "t1") == "stopped", "it is off")
    assert driver.json("info", "t1")["last_end"] == "power off"
    shown = driver.ok("info", "t1").stdout.split()
    assert shown[shown.index("size:") + 1] == "512M"
    assert driver.json("info", "t1")["memory"] == 256 << 20
    driver.ok("start", "t1")
    driver.ok("stop", "t1", "--force")
    assert driver.json("info", "t1")["last_end"].startswith("stopped by force")
    finish(driver, "t1")
