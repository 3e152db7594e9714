"""Systems that are installed from a medium: the machine is made fit for each."""

from __future__ import annotations

from typing import Any

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView


def iso(view: HostView, name: str) -> str:
    (view.scratch / name).write_bytes(b"\0" * 4096)
    return f"{view.host_scratch}/{name}"


def properties(driver: Bsdvirt, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = driver.json("get", name)
    return shown


@scenario()
def windows_is_given_what_it_has_drivers_for(driver: Bsdvirt, view: HostView) -> None:
    media = ("--iso", iso(view, "win.iso"), "--iso", iso(view, "virtio.iso"))
    made = driver.ok("create", "vm", "t1", "--os", "windows", "--disk", "64M", *media)
    assert "TPM" in made.stderr
    assert "virtio" in made.stderr
    found = properties(driver, "t1")
    late = not view.release.startswith("13")
    assert found.get("tpm", "none") == ("swtpm" if late else "none")
    assert (found["cpus"], found["memory"], found["clock"]) == (2, "4G", "local")
    assert found["disks"][0]["bus"] == "nvme"
    assert found["disks"][0]["size"] == "64M"
    assert found["nics"][0]["model"] == "e1000"
    assert found["vnc"]["enabled"] is True
    assert found["vnc"]["wait"] is True
    assert [drive["name"] for drive in found["cdroms"]] == ["cd0", "cd1"]
    driver.ok("destroy", "t1", "--yes")
    words = ("--os", "windows", "--bus", "ahci", "--cpus", "1", "nics.0.model=virtio", "clock=utc")
    driver.ok("create", "vm", "t1", "--disk", "64M", *words)
    found = properties(driver, "t1")
    assert (found["disks"][0]["bus"], found.get("cpus", 1)) == ("ahci", 1)
    assert found["nics"][0].get("model", "virtio") == "virtio"
    assert found.get("clock", "utc") == "utc"
    driver.ok("destroy", "t1", "--yes")


@scenario()
def a_router_has_two_interfaces(driver: Bsdvirt, view: HostView) -> None:
    del view
    driver.fails(2, "create", "vm", "t1", "--os", "opnsense", says="2 interfaces")
    nets = ("--network", "private", "--network", "private")
    driver.ok("create", "vm", "t1", "--os", "opnsense", "--disk", "64M", *nets)
    nics = driver.json("nic", "ls", "t1")
    assert [(nic["address"], nic["address6"]) for nic in nics] == [(None, None)] * 2
    driver.fails(3, "create", "vm", "t2", "--os", "windos", says="windows")
    driver.ok("destroy", "t1", "--yes")
