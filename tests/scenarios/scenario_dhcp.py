"""Dynamic addresses: DHCP and router advertisements in jails."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

from bsdvirt_sim import SimHost

KEEP = "resolver.mode=keep"


@scenario(sim_only=True)
def a_jail_that_asks_for_its_addresses(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    view.host.settings.add_interface("em9", "00:11:22:33:44:55")
    view.do("/sbin/ifconfig", "em9", "up")
    view.remember()
    driver.ok("network", "create", "lan", "--uplink", "em9")
    driver.ok("create", "jail", "t1", KEEP, "--network", "lan", "--address", "dhcp",
              "--address6", "slaac")  # fmt: skip
    said = driver.ok("start", "t1").stdout
    row = driver.json("ls", "t1")[0]
    assert [text.rpartition(".")[0] for text in row["addresses"]] == ["10.0.2"]
    assert row["addresses"][0] in said
    assert row["addresses"] == driver.json("info", "t1")["addresses"]
    shown = driver.ok("exec", "t1", "--", "ifconfig").stdout
    assert "ACCEPT_RTADV" in shown
    driver.ok("stop", "t1")
    assert driver.json("ls", "t1")[0]["addresses"] == []
    # What its root says is its own to write.
    lease = f"{view.jail_root('t1')}/var/db/dhclient.leases.{'bv1n0b'}"
    view.fs.write(lease, "lease {\n  fixed-address 1.2.3.4;\n  option subnet-mask \x1b[31m;\n")
    driver.ok("start", "t1")
    assert "\x1b" not in driver.ok("ls").stdout


@scenario()
def where_nobody_answers(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, "--address", "dhcp", "-n")
    if view.simulated:
        driver.ok("create", "jail", "t1", KEEP, "--address", "dhcp", "--start")
        assert driver.json("ls", "t1")[0]["state"] == "running"
    driver.fails(2, "create", "jail", "t2", KEEP, "nics.0.network=private",
                 "nics.0.address=dhcp", "nics.0.gateway=10.0.0.1", says="DHCP")  # fmt: skip
    driver.ok("create", "jail", "t3", "--empty", "--address", "dhcp")
    driver.fails(2, "start", "t3", says="FreeBSD's own tools")
