"""Uplinks, VLANs, private ports, several subnets, routes; changes of networks that are up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

NET = ("--address", "10.79.1.1/24", "--pool", "10.79.1.10-10.79.1.12")


@contextlib.contextmanager
def card(view: HostView) -> Iterator[str]:
    """An interface of the host's that may be an uplink."""
    view.do("/sbin/ifconfig", "epair91", "create")
    try:
        yield "epair91a"
    finally:
        view.do("/sbin/ifconfig", "epair91a", "destroy")


@scenario(each_release=True)
def a_vlan_is_made_and_destroyed_with_its_network(driver: Bsdvirt, view: HostView) -> None:
    with card(view) as uplink:
        before = view.interfaces()
        driver.ok("network", "create", "tnet", "--uplink", uplink, "--vlan", "20", *NET)
        info = driver.json("network", "info", "tnet")
        assert (info["uplink"], info["vlan"]) == (uplink, 20)
        (member,) = info["members"]
        face = view.interfaces()[member]
        assert face["up"]
        assert "bsdvirt" in face["groups"]
        assert face["mtu"] == 1500
        shown = view.run("/sbin/ifconfig", member).stdout
        assert f"vlan: 20 vlanproto: 802.1q vlanpcp: 0 parent interface: {uplink}" in shown
        driver.fails(4, "network", "create", "tbad", "--uplink", uplink, "--vlan", "20",
                     says="is the uplink of network tnet")  # fmt: skip
        driver.fails(4, "network", "create", "tbad", "--uplink", uplink, says="tagged frames")
        driver.fails(2, "network", "create", "tbad", "--vlan", "20", says="uplink")
        driver.fails(2, "network", "create", "tbad", "--uplink", uplink, "--vlan", "4095",
                     says="vlan")  # fmt: skip
        driver.fails(5, "network", "create", "tbad", "--uplink", uplink, "--vlan", "21",
                     "--mtu", "9000", says="does not fit")  # fmt: skip
        driver.ok("network", "set", "tnet", "vlan=30")
        assert "vlan: 30 " in view.run("/sbin/ifconfig", member).stdout
        assert driver.json("network", "info", "tnet")["members"] == [member]
        # Its parent went and came back: the next start makes it anew.
        view.do("/sbin/ifconfig", member, "destroy")
        assert "tnet" in driver("doctor").stdout
        driver.ok("doctor", "--repair")
        assert driver.json("network", "info", "tnet")["members"] == [member]
        driver.ok("network", "destroy", "tnet")
        after = view.interfaces()
        assert_same(
            {"i": {n: f for n, f in before.items() if n != uplink}},
            {"i": {n: f for n, f in after.items() if n != uplink}},
        )


@scenario(each_release=True)
def a_bridge_filters_vlans_where_it_can(driver: Bsdvirt, view: HostView) -> None:
    with card(view) as uplink:
        words = ("network", "create", "tnet", "--vlanfilter", "--uplink", uplink, "--vlan", "10",
                 "--address", "10.79.1.1/24", "--pool", "10.79.1.2-10.79.1.9")  # fmt: skip
        bridges = [f for f in view.run("/sbin/ifconfig", "-a").stdout.splitlines()
                   if f.strip().startswith("bridge flags=")]  # fmt: skip
        if not bridges:
            driver.fails(5, *words, says="FreeBSD has it since 15.0")
            return
        driver.ok(*words)
        info = driver.json("network", "info", "tnet")
        assert info["state"] == "up"
        assert info["members"] == [uplink]
        # The host's address is in its VLAN, and on no member.
        (face,) = (n for n, f in view.interfaces().items() if f["addresses"] == ["10.79.1.1/24"])
        assert view.interfaces()[face]["vlans"][2] == 10
        assert view.interfaces()[info["bridge"]]["addresses"] == []
        driver.ok("create", "jail", "t1", "--network", "tnet", "nics.0.vlan=20")
        driver.ok("create", "jail", "t2", "--network", "tnet", "nics.0.tagged=20,30-32")
        driver.fails(2, "create", "jail", "t3", "--network", "private", "nics.0.vlan=20",
                     says="does not filter VLANs")  # fmt: skip
        driver.ok("start", "t1", "t2")

        def ports() -> list[str]:
            shown = view.run("/sbin/ifconfig", info["bridge"]).stdout
            lines = [line for line in shown.splitlines() if " vlan protocol " in line]
            return sorted(line.partition(" vlan protocol 802.1q ")[2] for line in lines)

        assert ports() == ["tagged 1-4094", "untagged 10 tagged 20,30-32", "untagged 20"]
        assert driver("doctor").status == 0
        planned = driver.ok("network", "set", "tnet", "vlan=11", "tagged=11,20", "--dry-run")
        assert "deletem" not in planned.stdout
        driver.ok("network", "set", "tnet", "vlan=11", "tagged=11,20")
        assert view.interfaces()[face]["addresses"] == ["10.79.1.1/24"]
        assert ports() == ["tagged 11,20", "untagged 11 tagged 20,30-32", "untagged 20"]
        shown = driver.json("network", "info", "tnet")["ports"]
        assert {(p["guest"], p["vlan"], p["tagged"]) for p in shown} == {
            ("t1", 20, None), ("t2", 11, "20,30-32"), (None, None, "11,20"),
        }  # fmt: skip
        (port,) = (p for p in driver.json("network", "info", "tnet")["ports"] if p["guest"] == "t1")
        view.do("/sbin/ifconfig", info["bridge"], "ifuntagged", port["interface"], "99")
        assert "in VLAN 99, not in VLAN 20" in driver("doctor").stdout
        driver.ok("doctor", "--repair")
        assert ports() == ["tagged 11,20", "untagged 11 tagged 20,30-32", "untagged 20"]
        driver.fails(
            4, "network", "set", "tnet", "vlanfilter=no", "tagged=", says="fixed at creation"
        )
        driver.ok("destroy", "t1", "t2", "--yes", "--force")
        driver.ok("network", "destroy", "tnet")
    assert not view.leftovers()


@scenario(each_release=True)
def an_uplink_has_the_mtu_of_its_network(driver: Bsdvirt, view: HostView) -> None:
    with card(view) as uplink:
        driver.ok("network", "create", "tnet", "--uplink", uplink, "--mtu", "4000", *NET)
        bridge = driver.json("network", "info", "tnet")["bridge"]
        faces = view.interfaces()
        assert (faces[uplink]["mtu"], faces[bridge]["mtu"]) == (4000, 4000)
        driver.ok("network", "set", "tnet", "mtu=1400")
        faces = view.interfaces()
        assert (faces[uplink]["mtu"], faces[bridge]["mtu"]) == (1400, 1400)
        driver.ok("create", "jail", "t1", "--network", "tnet", "nics.0.mtu=1300")
        driver.fails(4, "network", "set", "tnet", "mtu=1290", says="MTU 1300")
        driver.fails(2, "create", "jail", "t2", "--network", "tnet", "nics.0.mtu=1500", says="1400")
        driver.ok("start", "t1")
        assert "mtu 1300" in driver.ok("exec", "t1", "--", "ifconfig").stdout
        driver.fails(4, "network", "set", "tnet", "mtu=1500", says="while guests on it run: t1")
        driver.ok("destroy", "t1", "--yes", "--force")
        driver.ok("network", "destroy", "tnet")


@scenario()
def private_ports_do_not_reach_one_another(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", "--private", *NET)
    driver.ok("create", "jail", "t1", "t2", "--network", "tnet", "--start")
    reach = ("exec", "t1", "--", "ping", "-c1", "-t2", "10.79.1.11")
    assert driver(*reach).status != 0
    driver.ok("exec", "t1", "--", "ping", "-c1", "-t2", "10.79.1.1")
    driver.ok("network", "set", "tnet", "private=no")
    driver.ok(*reach)
    driver.ok("network", "set", "tnet", "private=yes")
    assert driver(*reach).status != 0
    driver.ok("set", "t2", "nics.0.private=no")
    driver.ok("restart", "t2")
    driver.ok(*reach)
    assert driver.json("network", "info", "tnet")["private"]


@scenario()
def several_subnets_aliases_and_routes(driver: Bsdvirt, view: HostView) -> None:
    driver.ok(
        "network", "create", "tnet", "routes=[{to: 10.5.0.0/16, via: 10.79.1.5}]", *NET,
        "--address", "10.79.2.1/25", "--pool", "10.79.2.10-10.79.2.20",
        "--address", "fd00:79::1/64", "--pool", "fd00:79::10-fd00:79::99",
    )  # fmt: skip
    driver.ok(
        "create", "jail", "t1", "--network", "tnet", "nics.0.subnet=10.79.2.0/25",
        "nics.0.aliases=10.79.1.99,10.79.2.99,fd00:79::5",
        "nics.0.routes=[{to: 10.6.0.0/16, via: 10.79.2.6}, {to: fd00:6::/64, via: fd00:79::6}]",
    )  # fmt: skip
    driver.fails(4, "create", "jail", "t2", "--network", "tnet", "--address", "10.79.1.99",
                 says="taken")  # fmt: skip
    driver.fails(2, "create", "jail", "t2", "--network", "tnet", "nics.0.subnet=10.79.9.0/24",
                 says="no pool in 10.79.9.0/24")  # fmt: skip
    nic = driver.json("info", "t1")["nics"][0]
    assert (nic["address"], nic["address6"]) == ("10.79.2.10/25", "fd00:79::10/64")
    assert nic["aliases"] == ["10.79.1.99/24", "10.79.2.99/25", "fd00:79::5/64"]
    driver.ok("start", "t1")
    shown = driver.ok("exec", "t1", "--", "ifconfig").stdout
    for address in ("10.79.2.10 ", "10.79.1.99 ", "10.79.2.99 ", "fd00:79::10 ", "fd00:79::5 "):
        assert f" {address}" in shown, address
    for to, via in (
        ("10.9.9.9", "10.79.2.1"), ("10.5.1.1", "10.79.1.5"), ("10.6.1.1", "10.79.2.6"),
    ):  # fmt: skip
        way = driver.ok("exec", "t1", "--", "route", "-n", "get", to).stdout
        assert f"gateway: {via}\n" in way, way
    driver.fails(4, "network", "set", "tnet", "pools=10.79.1.10-10.79.1.12", says="its pools")
    driver.fails(4, "network", "set", "tnet", "addresses=10.79.1.1/24", "pools=", says="t1 has")
    driver.fails(4, "network", "set", "tnet", "gateway=10.79.2.10", says="t1's")
    driver.ok("network", "set", "tnet", "description=of a test", "routes=")
    driver.ok("network", "set", "tnet", "addresses.3=10.79.3.1/24")
    face = view.interfaces()[driver.json("network", "info", "tnet")["bridge"]]
    assert "10.79.3.1/24" in face["addresses"]
    driver.ok("network", "set", "tnet", "addresses.3=")
    face = view.interfaces()[driver.json("network", "info", "tnet")["bridge"]]
    assert "10.79.3.1/24" not in face["addresses"]
    driver.fails(4, "network", "set", "tnet", "bridge=bridge0", says="fixed")
    driver.fails(3, "network", "set", "tnope", "mtu=1500", says="no network tnope")
