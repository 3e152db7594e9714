"""The one-card host: its address moves to a bridge, and comes back unless that is confirmed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt, wait_for

from bsdvirt.host import tools
from bsdvirt.ops.network.takeover import Confirm, TakeAddress
from bsdvirt.session.prepared import carry_out_one, confirm, preview
from bsdvirt.session.session import Session
from bsdvirt_sim import SimHost

TAKE = ("network", "create", "lan", "--uplink", "vtnet0", "--take-address")
STATE = "/var/run/bsdvirt/taking/lan.json"
ADDRESS = "10.0.2.15"


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Bsdvirt]:
    made = Bsdvirt(tmp_path / "host")
    made.ok("init", "--pool", "zroot")
    yield made


def host(driver: Bsdvirt) -> SimHost:
    assert driver.sim is not None
    return SimHost(driver.sim)


def shown(driver: Bsdvirt, *argv: str) -> str:
    return host(driver).run(argv, changes=False).stdout


def reached_by(driver: Bsdvirt) -> tuple[str, bool]:
    """The interface of the default route, and whether that has the host's address."""
    route = shown(driver, tools.ROUTE, "-n", "get", "default")
    (line,) = [line for line in route.splitlines() if "interface:" in line]
    name = line.split()[-1]
    return name, ADDRESS in shown(driver, tools.IFCONFIG, name)


def translated(driver: Bsdvirt) -> str:
    """The rules of the private network's translation."""
    return shown(driver, tools.PFCTL, "-a", "bsdvirt/net-private", "-s", "nat")


def rc(driver: Bsdvirt) -> str:
    return host(driver).fs.read_text("/etc/rc.conf")


def taking(driver: Bsdvirt) -> bool:
    return host(driver).fs.exists(STATE)


def test_it_comes_back_by_itself(driver: Bsdvirt) -> None:
    before = rc(driver)
    driver.ok(*TAKE, "--within", "2")
    assert reached_by(driver) == ("bridge0", True)
    assert "bridge0" in translated(driver)
    assert [row["state"] for row in driver.json("network", "ls") if row["name"] == "lan"] == [
        "unconfirmed"
    ]
    wait_for(lambda: not taking(driver), 30, "the guard's work")
    assert reached_by(driver) == ("vtnet0", True)
    wait_for(lambda: "vtnet0" in translated(driver), 30, "the translation")
    assert "bridge0" not in shown(driver, tools.IFCONFIG, "-l")
    assert rc(driver) == before
    assert "lan" not in [row["name"] for row in driver.json("network", "ls")]
    driver.ok("doctor")


def test_confirmed_it_lasts_over_a_boot(driver: Bsdvirt) -> None:
    said = driver.ok(*TAKE, "--pool", "10.0.2.100-10.0.2.120")
    assert "bsdvirt network confirm lan" in said.stderr
    driver.ok("network", "confirm", "lan")
    assert not taking(driver)
    for line in (
        'cloned_interfaces="bridge0"', 'create_args_bridge0="ether 52:54:00:12:34:56"',
        'ifconfig_bridge0="DHCP addm vtnet0 up"', 'ifconfig_vtnet0="up"',
    ):  # fmt: skip
        assert line in rc(driver).splitlines()
    assert not set(driver.json("network", "info", "lan")["guests"])
    driver.ok("create", "jail", "web", "--network", "lan", "--start")
    assert driver.json("ls", "web")[0]["addresses"] == ["10.0.2.100"]
    host(driver).settings.reboot()
    assert reached_by(driver) == ("bridge0", True)
    driver.ok("start", "web")
    assert "bv1n0a" in shown(driver, tools.IFCONFIG, "bridge0")


def test_put_back_at_once(driver: Bsdvirt) -> None:
    driver.ok(*TAKE)
    driver.ok("network", "revert", "lan")
    assert reached_by(driver) == ("vtnet0", True)
    driver.fails(3, "network", "confirm", "lan", says="there is nothing to confirm")
    driver.fails(3, "network", "revert", "lan", says="there is nothing to confirm")


def test_exposed_ports_follow_the_address(driver: Bsdvirt) -> None:
    driver.ok("create", "jail", "web", "--start")
    driver.ok("expose", "web", "tcp:8080:80")

    def led() -> str:
        return shown(driver, tools.PFCTL, "-a", "bsdvirt/guest-web", "-s", "nat")

    assert "(vtnet0:0)" in led()
    driver.ok(*TAKE)
    assert "(bridge0:0)" in led()
    driver.ok("network", "revert", "lan")
    assert "(vtnet0:0)" in led()


def test_the_preview_shows_all_and_changes_nothing(driver: Bsdvirt) -> None:
    before = shown(driver, tools.IFCONFIG, "-a")
    said = driver.ok(*TAKE, "--dry-run").stdout
    for command in (
        "/sbin/ifconfig vtnet0 inet 10.0.2.15/24 -alias",
        "/sbin/ifconfig bridge0 addm vtnet0",
        "/sbin/route -q -n add default 10.0.2.2",
        "/usr/sbin/sysrc 'ifconfig_bridge0=DHCP addm vtnet0 up'",
    ):
        assert command in said
    assert shown(driver, tools.IFCONFIG, "-a") == before
    assert not taking(driver)


@pytest.mark.parametrize("step", range(1, 10))
def test_a_step_that_fails_is_undone_at_once(driver: Bsdvirt, step: int) -> None:
    with driver.faulty(f"fail:{step}"):
        result = driver(*TAKE)
    assert result.status != 0, result
    assert reached_by(driver) == ("vtnet0", True)
    assert not taking(driver)


@pytest.mark.parametrize("step", range(1, 10))
def test_killed_anywhere_it_comes_back(driver: Bsdvirt, step: int) -> None:
    with driver.faulty(f"kill-after:{step}"):
        assert driver(*TAKE, "--within", "1").status == -signal.SIGKILL
    wait_for(lambda: not taking(driver), 30, "the guard's work")
    assert reached_by(driver) == ("vtnet0", True)


def test_a_static_address_with_aliases(driver: Bsdvirt) -> None:
    fs = host(driver).fs
    fs.write(
        "/etc/rc.conf",
        'hostname="fbsd"\nifconfig_vtnet0="inet 10.0.2.15 netmask 255.255.255.0 -tso"\n'
        'ifconfig_vtnet0_alias0="inet 10.0.2.16/32"\ndefaultrouter="10.0.2.2"\n',
    )
    host(driver).settings.reboot()
    host(driver).run((tools.IFCONFIG, "vtnet0", "inet", "10.0.2.16/32", "alias"), changes=True)
    driver.ok(*TAKE)
    driver.ok("network", "confirm", "lan")
    lines = rc(driver).splitlines()
    assert 'ifconfig_bridge0="inet 10.0.2.15 netmask 255.255.255.0 addm vtnet0 up"' in lines
    assert 'ifconfig_bridge0_alias0="inet 10.0.2.16/32"' in lines
    assert 'ifconfig_vtnet0="up -tso"' in lines
    assert not [line for line in lines if line.startswith("ifconfig_vtnet0_alias0")]
    assert "10.0.2.16" in shown(driver, tools.IFCONFIG, "bridge0")


def test_what_cannot_be_moved_is_refused(driver: Bsdvirt) -> None:
    before = shown(driver, tools.IFCONFIG, "-a")
    driver.fails(5, "network", "create", "lan", "--uplink", "em9", "--take-address", says="em9")
    driver.fails(2, "network", "create", "lan", "--take-address", says="--uplink")
    driver.fails(2, *TAKE, "--nat", says="nat")
    fs = host(driver).fs
    text = fs.read_text("/etc/rc.conf")
    fs.write("/etc/rc.conf", text.replace('"DHCP"', '"WPA DHCP"'))
    driver.fails(2, *TAKE, says="not understood")
    assert shown(driver, tools.IFCONFIG, "-a") == before
    fs.write("/etc/rc.conf", text)
    driver.ok(*TAKE)
    driver.fails(4, "network", "create", "lan2", "--uplink", "vtnet0", "--take-address",
                 says="network confirm lan")  # fmt: skip


def test_a_preview_can_be_confirmed_later(driver: Bsdvirt) -> None:
    session = Session(host(driver))
    again = ("--sim", str(driver.sim))
    request = TakeAddress("lan", "vtnet0", {}, (), 60, again)
    shown = preview(session, request)
    assert [plan.verb for plan in shown.plans][0] == "take address"
    assert reached_by(driver) == ("vtnet0", True)
    (outcome,) = confirm(session, request, shown)
    assert outcome.error is None
    assert reached_by(driver) == ("bridge0", True)
    assert carry_out_one(session, Confirm("lan")).message.startswith("created on bridge0")
    assert not taking(driver)
