"""Raw keys of `config` beside bsdvirt's own devices, and the host's PCI devices in guests."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView
from scenario_vm import SMALL, finish, image

PASSED = ("pci.1.0.0.device=passthru", "pci.1.0.0.bus=3", "pci.1.0.0.slot=0", "pci.1.0.0.func=0")


def config(*lines: str) -> str:
    return f"config=[{', '.join(lines)}]"


@scenario()
def a_disk_is_put_where_config_has_nothing(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    taken = [disk["slot"] for disk in driver.json("info", "t1")["disks"]]
    driver.fails(4, "set", "t1", config(f"pci.0.{taken[0]}.0.device=virtio-rnd"), says="disk disk0")
    driver.ok("set", "t1", config("pci.0.6.0.device=virtio-rnd"))
    driver.ok("disk", "add", "t1", "more", "--size", "16M")
    slots = {disk["name"]: disk["slot"] for disk in driver.json("info", "t1")["disks"]}
    assert slots["more"] not in (6, slots["disk0"])
    driver.ok("start", "t1")
    conf = view.fs.read_text("/var/run/bsdvirt/vms/t1/bhyve.conf")
    assert f"pci.0.{slots['more']}.0.device=virtio-blk" in conf
    driver.ok("stop", "t1", "--force")
    finish(driver, "t1")


@scenario(sim_only=True)
def a_pci_device_is_in_one_running_guest(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.fails(2, "create", "vm", "t1", "--image", "gold", *SMALL, config(*PASSED), says="wired")
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, "wired=yes", config(*PASSED))
    made = driver.ok("create", "vm", "t2", "--image", "gold", *SMALL, "wired=yes", config(*PASSED))
    assert "PCI device 3/0/0 is t1's, too" in made.stderr
    driver.ok("start", "t1")
    assert "x86.mptable=false" in view.fs.read_text("/var/run/bsdvirt/vms/t1/bhyve.conf")
    driver.fails(4, "start", "t2", says="PCI device 3/0/0 is in use by t1")
    driver.ok("stop", "t1", "--force")
    driver.ok("set", "t1", config(*PASSED, "x86.mptable=true"))
    failed = driver("start", "t1")
    assert failed.status != 0
    assert "multiple PCI hierarchies" in failed.stderr
    finish(driver, "t1", "t2")
