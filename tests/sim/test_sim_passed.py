"""Interfaces of the host that belong to a jail while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_driver import Bsdvirt

from bsdvirt.host import tools
from bsdvirt_sim import SimHost
from bsdvirt_sim.state import Inet, Interface

MAC = "58:9c:fc:00:00:77"


@pytest.fixture
def driver(tmp_path: Path) -> Bsdvirt:
    made = Bsdvirt(tmp_path / "host")
    made.ok("init", "--pool", "zroot")
    with host(made).change() as state:
        for index, name in enumerate(("em1", "em2"), start=40):
            state.interfaces[name] = Interface(name, "ether", name, index, MAC, MAC)
    return made


def host(driver: Bsdvirt) -> SimHost:
    assert driver.sim is not None
    return SimHost(driver.sim)


def names(driver: Bsdvirt) -> list[str]:
    return host(driver).run((tools.IFCONFIG, "-l"), changes=False).stdout.split()


def test_it_is_the_jails_and_comes_back(driver: Bsdvirt) -> None:
    driver.ok("create", "jail", "fw", "interfaces=em1", "--start")
    assert "em1" not in names(driver)
    assert "em1" in driver.ok("exec", "fw", "--", "ifconfig", "em1").stdout
    conf = host(driver).fs.read_text("/var/run/bsdvirt/jails/fw.conf")
    assert '"em1"' in conf or "'em1'" in conf
    assert "rule apply path bpf unhide" in conf
    driver.ok("doctor")
    driver.ok("restart", "fw")
    driver.ok("stop", "fw")
    assert "em1" in names(driver)
    driver.ok("destroy", "fw", "--yes")
    assert "em1" in names(driver)


def test_a_jail_that_is_killed_gives_it_back(driver: Bsdvirt) -> None:
    driver.ok("create", "jail", "fw", "interfaces=em1", "--start")
    host(driver).run((tools.JAIL, "-R", "fw"), changes=True)
    driver.ok("doctor", "--repair")
    assert "em1" in names(driver)
    driver.ok("start", "fw")


@pytest.mark.parametrize(
    ("interface", "status", "says"),
    [("em9", 5, "does not exist"), ("vtnet0", 4, "host's address"),
     ("bvbr0", 4, "neither a network card nor a VLAN"), ("em2", 4, "uplink of network wan"),
     ("lo0", 4, "neither a network card nor a VLAN")],
)  # fmt: skip
def test_what_the_host_needs_stays(driver: Bsdvirt, interface: str, status: int, says: str) -> None:
    driver.ok("network", "create", "wan", "--uplink", "em2", "--subnet", "192.168.7.0/24")
    driver.ok("create", "jail", "fw", f"interfaces={interface}")
    before = names(driver)
    driver.fails(status, "start", "fw", says=says)
    assert names(driver) == before


def test_one_interface_is_one_jails(driver: Bsdvirt) -> None:
    driver.ok("create", "jail", "fw", "fx", "interfaces=em1")
    driver.ok("start", "fw")
    driver.fails(5, "start", "fx", says="another jail may have it")
    driver.ok("exec", "fw", "--", "ifconfig", "em1")


def test_it_needs_a_stack_of_its_own(driver: Bsdvirt) -> None:
    driver.fails(2, "create", "jail", "fw", "--inherit", "interfaces=em1", says="stack inherit")
    driver.fails(2, "create", "jail", "fw", "interfaces=[em1,em1]", says="twice")


def test_the_address_of_a_card_is_kept(driver: Bsdvirt) -> None:
    driver.ok("create", "jail", "fw", "interfaces=em1")
    with host(driver).change() as state:
        state.interfaces["em1"].addresses.append(Inet("inet", "192.0.2.7", 24))
    driver.fails(4, "start", "fw", says="192.0.2.7")
