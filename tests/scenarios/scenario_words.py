"""What an administrator is told in the first hour: words that help, and no zero taken for
what was not given."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView
from scenario_vm import SMALL, finish, image


@scenario()
def what_is_given_is_taken_and_zero_is_given(driver: Bsdvirt, view: HostView) -> None:
    del view
    driver.fails(2, "create", "vm", "t1", "--cpus", "0", says="1..1024")
    driver.fails(2, "create", "vm", "t1", "--memory", "512", says="512M")
    driver.fails(2, "create", "vm", "t1", "--memory", "", says="memory")
    driver.fails(2, "create", "vm", "t1", "--disk", "10", says="10G")
    driver.fails(2, "create", "vm", "t1", "--address", "", says="address")
    driver.fails(2, "create", "vm", "t1", "--hostname", "", says="hostname")
    driver.fails(2, "create", "vm", "t1", "--cpus", "999", says="say cpus=")
    driver.fails(3, "create", "vm", "t1", "--image", "ubuntu-24.04",
                 says="bsdvirt image fetch ubuntu-24.04")  # fmt: skip
    assert driver.json("ls") == []


@scenario()
def a_virtual_machine_is_called_one(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.fails(2, "cp", "t1:/etc/passwd", "/tmp/x", says="is a virtual machine")
    driver.fails(2, "mount", "t1", "/nowhere", says="is a virtual machine")
    driver.fails(2, "mount", "t1", says="is a virtual machine")
    driver.fails(2, "disk", "add", "t1", "more", "--size", "10", says="10G")
    driver.fails(2, "nic", "add", "t1", "--mtu", "0", says="72..65535")
    driver.fails(2, "set", "t1", "vnc.listen=0.0.0.0", says="give an address of the host")
    driver.fails(2, "set", "t1", "vnc.password=short", says="6 to 8 printable characters")
    finish(driver, "t1")


@scenario()
def an_mtu_changes_with_nobody_on_it(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL)
    driver.ok("start", "t1")
    driver.fails(4, "network", "set", "private", "mtu=3000", says="while guests on it run: t1")
    told = driver.ok("network", "set", "private", "gateway=10.77.0.9")
    assert "t1" in told.stderr
    driver.ok("stop", "t1", "--force")
    driver.ok("network", "set", "private", "mtu=3000", "gateway=")
    driver.ok("network", "set", "private", "mtu=1500")
    finish(driver, "t1")


@scenario()
def a_mac_of_ones_own(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    own = "02:00:00:00:00:0b"
    driver.ok("create", "vm", "t1", "--image", "gold", *SMALL, f"nics.0.mac={own}")
    driver.fails(4, "create", "vm", "t2", "--image", "gold", *SMALL, f"nics.0.mac={own}",
                 says="is that of another interface")  # fmt: skip
    driver.ok("start", "t1")
    assert f"mac={own}" in view.fs.read_text("/var/run/bsdvirt/vms/t1/bhyve.conf")
    driver.ok("stop", "t1", "--force")
    driver.ok("rename", "t1", "t3")
    assert driver.json("nic", "ls", "t3")[0]["mac"] == own
    told = driver.ok("set", "t3", "nics.0.mac=00:1b:21:00:00:02")
    assert "maker's range" in told.stderr
    assert driver.json("nic", "ls", "t3")[0]["mac"] == "00:1b:21:00:00:02"
    driver.ok("set", "t3", "nics.0.mac=")
    assert driver.json("nic", "ls", "t3")[0]["mac"] == "00:1b:21:00:00:02"
    driver.ok("nic", "add", "t3", "--mac", "02:00:00:00:00:0d", "--address", "dhcp")
    assert driver.json("nic", "ls", "t3")[1]["mac"] == "02:00:00:00:00:0d"
    finish(driver, "t3")


@scenario(sim_only=True)
def what_a_new_machine_lacks_is_said(driver: Bsdvirt, view: HostView) -> None:
    made = driver.ok("create", "vm", "t1", "--disk", "64M")
    assert "nothing to boot" in made.stderr
    assert "edk2-bhyve" in made.stderr
    made = driver.ok("create", "vm", "t2", "--disk", "64M", "--loader", "bhyveload")
    assert "edk2-bhyve" not in made.stderr
    driver.ok("destroy", "t1", "t2", "--yes")
