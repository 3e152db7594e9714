"""Networks, and the addresses that guests get from them."""

from __future__ import annotations

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import ETC, HostView, assert_same

NET = ("--address", "10.79.1.1/24", "--pool", "10.79.1.10-10.79.1.12")
DUAL = (
    "--address", "10.79.2.1/24", "--pool", "10.79.2.2-10.79.2.99",
    "--address", "fd00:79::1/64", "--pool", "fd00:79::10-fd00:79::99",
)  # fmt: skip


@scenario()
def a_second_network_is_made_used_and_taken_away(driver: Bsdvirt, view: HostView) -> None:
    shown = driver.ok("network", "create", "tnet", *NET, "--dry-run")
    assert "ifconfig" in shown.stdout
    assert not view.leftovers()
    driver.ok("network", "create", "tnet", *NET, "--description", "of a test")
    info = driver.json("network", "info", "tnet")
    assert info["state"] == "up"
    assert info["gateway"] == "10.79.1.1"
    face = view.interfaces()[info["bridge"]]
    assert face["up"]
    assert face["addresses"] == ["10.79.1.1/24"]
    assert "bsdvirt" in face["groups"]
    driver.ok("create", "jail", "t1", "--network", "private", "--network", "tnet", "--start")
    one = driver.json("info", "t1")
    assert [nic["network"] for nic in one["nics"]] == ["private", "tnet"]
    assert one["nics"][1]["address"] == "10.79.1.10/24"
    driver.ok("create", "jail", "t2", "--network", "tnet", "--start")
    driver.ok("exec", "t2", "--", "ping", "-c1", "-t2", "10.79.1.10")
    driver.ok("exec", "t2", "--", "ping", "-c1", "-t2", "10.79.1.1")
    before = view.everything()
    said = driver.fails(4, "network", "destroy", "tnet").stderr
    assert "t1" in said
    assert "t2" in said
    driver.fails(4, "network", "create", "tnet", *NET, says="already exists")
    assert_same(before, view.everything())
    driver.ok("destroy", "t1", "t2", "--yes", "--force")
    before = view.everything()
    assert "destroy" in driver.ok("network", "destroy", "tnet", "--dry-run").stdout
    assert_same(before, view.everything())
    driver.ok("network", "destroy", "tnet")
    assert not view.leftovers()


@scenario(each_release=True)
def a_network_of_both_families(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tdual", *DUAL)
    driver.ok("create", "jail", "t1", "t2", "--network", "tdual", "--start")
    rows = {row["name"]: row["addresses"] for row in driver.json("ls")}
    assert rows == {"t1": ["10.79.2.2", "fd00:79::10"], "t2": ["10.79.2.3", "fd00:79::11"]}
    shown = driver.ok("exec", "t1", "--", "ifconfig").stdout
    assert "inet 10.79.2.2 " in shown
    assert "inet6 fd00:79::10 prefixlen 64" in shown
    driver.ok("exec", "t1", "--", "ping", "-c1", "-t2", "10.79.2.3")
    driver.ok("restart", "t1", "t2")
    assert {row["name"]: row["addresses"] for row in driver.json("ls")} == rows


@scenario()
def ipv6_answers(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tdual", *DUAL)
    driver.ok("create", "jail", "t1", "t2", "--network", "tdual", "--start")
    for target in ("fd00:79::11", "fd00:79::1"):
        driver.ok("exec", "t1", "--", "ping", "-c1", "-t5", target)


@scenario()
def addresses_that_conflict_are_refused(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", *NET)
    driver.ok("create", "jail", "t1", "--network", "tnet", "--address", "10.79.1.20")
    assert driver.json("info", "t1")["nics"][0]["address"] == "10.79.1.20/24"
    before = view.everything()
    create = ("create", "jail", "t2", "--network", "tnet")
    driver.fails(4, *create, "--address", "10.79.1.20", says="10.79.1.20 is taken")
    driver.fails(4, *create, "--address", "10.79.1.1/24", says="host's own")
    driver.fails(2, *create, "--address", "10.80.0.5", says="none of the subnets")
    driver.fails(2, *create, "--address", "10.79.1.300", says="10.79.1.300")
    driver.fails(2, *create, "--network", "tnope", says="no network tnope")
    driver.fails(2, "create", "jail", "t2", "t3", "--network", "tnet", "--address", "10.79.1.21")
    driver.fails(4, "network", "create", "tover", "--address", "10.79.1.129/25", says="overlaps")
    driver.fails(2, "network", "create", "tbad", "--address", "10.79.3.0/24", says="network itself")
    driver.fails(2, "network", "create", "tbad", "--pool", "10.79.3.9-10.79.3.4", says="pool")
    driver.fails(2, "network", "create", "Tbad", *NET, says="Tbad")
    driver.fails(5, "network", "create", "tbad", "--uplink", "nosuch0", says="nosuch0")
    driver.fails(5, "network", "create", "tbad", "--bridge", "nosuch0", says="nosuch0")
    driver.fails(3, "network", "destroy", "tnope", says="no network tnope")
    driver.fails(3, "network", "info", "tnope", says="no network tnope")
    assert_same(before, view.everything())


@scenario()
def a_pool_that_is_used_up(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", *NET)
    driver.ok("create", "jail", "t1", "t2", "t3", "--network", "tnet")
    before = view.everything()
    driver.fails(4, "create", "jail", "t4", "--network", "tnet", says="no free IPv4 address")
    assert_same(before, view.everything())
    driver.ok("destroy", "t2", "--yes")
    driver.ok("create", "jail", "t4", "--network", "tnet")
    assert driver.json("info", "t4")["nics"][0]["address"] == "10.79.1.11/24"


@scenario()
def a_jail_without_network(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--no-network", "--start")
    assert driver.json("info", "t1")["nics"] == []
    assert "inet 127.0.0.1" in driver.ok("exec", "t1", "--", "ifconfig").stdout


@scenario()
def an_address_changed_by_hand_is_claimed_at_the_start(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", *NET)
    driver.ok("create", "jail", "t1", "t2", "--network", "tnet")
    path = view.fs.path(view.guest_file("t1"))
    path.write_text(path.read_text() + "# by hand\n")
    driver.ok("set", "t1", "nics.0.address=10.79.1.99")
    assert driver.json("info", "t1")["nics"][0]["address"] == "10.79.1.99/24"
    path.write_text(path.read_text().replace("10.79.1.99", "10.79.1.98"))
    driver.ok("start", "t1")
    assert "10.79.1.98 " in driver.ok("exec", "t1", "--", "ifconfig").stdout
    assert driver.json("ls", "t1")[0]["addresses"] == ["10.79.1.98"]
    path2 = view.fs.path(view.guest_file("t2"))
    driver.ok("set", "t2", "nics.0.address=10.79.1.97")
    path2.write_text(path2.read_text().replace("10.79.1.97", "10.79.1.98"))
    driver.fails(4, "start", "t2", says="10.79.1.98 is taken")


@scenario()
def somebody_elses_bridge_is_left_alone(driver: Bsdvirt, view: HostView) -> None:
    view.do("/sbin/ifconfig", "bridge91", "create")
    try:
        driver.ok("network", "create", "tnet", "--bridge", "bridge91",
                  "--subnet", "10.79.4.0/24", "--pool", "10.79.4.2-10.79.4.9")  # fmt: skip
        driver.ok("create", "jail", "t1", "--network", "tnet", "--start")
        (member,) = view.interfaces()["bridge91"]["members"]
        assert member == driver.json("info", "t1")["nics"][0]["interface"]
        driver.ok("destroy", "t1", "--yes", "--force")
        driver.ok("network", "destroy", "tnet")
        assert "bridge91" in view.interfaces()
    finally:
        view.do("/sbin/ifconfig", "bridge91", "destroy")


@scenario()
def a_bridge_that_has_gone_comes_back_with_a_start(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", *NET)
    bridge = driver.json("network", "info", "tnet")["bridge"]
    driver.ok("create", "jail", "t1", "--network", "tnet")
    view.do("/sbin/ifconfig", bridge, "destroy")
    assert driver.json("network", "info", "tnet")["state"] == "down"
    driver.ok("start", "t1")
    driver.ok("exec", "t1", "--", "ping", "-c1", "-t2", "10.79.1.1")
    driver.ok("stop", "t1")
    view.do("/sbin/ifconfig", bridge, "destroy")
    driver.ok("doctor", "--repair")
    assert driver.json("network", "info", "tnet")["state"] == "up"


@scenario(each_release=True)
def ipv6_addresses_can_be_used_at_once(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "six", "--address", "fd00:88::1/64", "--pool",
              "fd00:88::10-fd00:88::99")  # fmt: skip
    common = ("--network", "six", "resolver.mode=keep")
    look = "exec.start=/sbin/ifconfig; /bin/sh /etc/rc"
    driver.ok("create", "jail", "t1", *common, look, "--start")
    address = driver.json("info", "t1")["addresses"][0]
    printed = driver.ok("logs", "t1").stdout
    assert f"inet6 {address} prefixlen 64" in printed
    assert f"inet6 {address} prefixlen 64 tentative" not in printed
    # One that somebody in the network took without asking.
    interface = driver.json("info", "t1")["nics"][0]["interface"]
    inside = interface[:-1] + "b"
    driver.ok("exec", "t1", "--", "ifconfig", inside, "inet6", "fd00:88::50/64", "alias")
    driver.ok("create", "jail", "t2", *common, "nics.0.address6=fd00:88::50")
    driver.fails(1, "start", "t2", says="fd00:88::50: another host")
    assert driver.json("ls", "t2")[0]["state"] == "failed"
    assert "t2" not in view.jails()


@scenario()
def addresses_and_routers_that_cannot_work(driver: Bsdvirt, view: HostView) -> None:
    keep = "resolver.mode=keep"
    subnet = driver.json("network", "ls")[0]["addresses"][0].rpartition(".")[0]
    outside = "in none of the subnets of network private"
    driver.fails(2, "create", "jail", "t1", keep, "--address", "10.200.0.3/24", says=outside)
    driver.fails(2, "create", "jail", "t1", keep, "nics.0.network=private",
                 "nics.0.aliases=10.200.0.3/32", says=outside)  # fmt: skip
    driver.fails(2, "create", "jail", "t1", keep, "nics.0.network=private",
                 "nics.0.gateway=10.200.0.1", says="nics.0.gateway: 10.200.0.1")  # fmt: skip
    driver.ok("create", "jail", "t1", keep)
    before = view.everything()
    driver.fails(2, "set", "t1", "nics.0.address=10.200.0.3/24", says=outside)
    driver.fails(2, "set", "t1", "nics.0.gateway=10.200.0.1", says="is not reached from")
    route = "nics.0.routes=[{to: 10.5.0.0/16, via: 10.200.0.1}]"
    driver.fails(2, "set", "t1", route, says="routes.0.via: 10.200.0.1 is not reached from")
    assert_same(before, view.everything())
    driver.ok("set", "t1", f"nics.0.routes=[{{to: 10.5.0.0/16, via: {subnet}.1}}]")
    driver.ok("start", "t1")


@scenario(sim_only=True)
def name_servers_of_the_hosts_own(driver: Bsdvirt, view: HostView) -> None:
    kept = {p: view.fs.read_text(p) for p in ("/etc/resolv.conf", f"{ETC}/networks/private.yaml")}
    view.fs.write("/etc/resolv.conf", "search example.org\nnameserver 127.0.0.1\n")
    file = f"{view.jail_root('t1')}/etc/resolv.conf"
    assert "no name service" in driver.ok("create", "jail", "t1").stderr
    assert "no name service" in driver.ok("start", "t1").stderr
    assert "127.0.0.1" not in view.fs.read_or(file)
    assert "t1: no name service" in driver.ok("doctor").stdout
    driver.ok("network", "set", "private", "dns=9.9.9.9")
    driver.ok("restart", "t1")
    assert view.fs.read_text(file) == "search example.org\nnameserver 9.9.9.9\n"
    assert "no name service" not in driver.ok("doctor").stdout
    for path, text in kept.items():
        view.fs.write(path, text)


@scenario(each_release=True)
def checksums_by_the_processor(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "soft", "--address", "10.87.0.1/24")
    driver.ok("network", "set", "soft", "offload=no")
    driver.ok("create", "jail", "t1", "--network", "soft", "--address", "10.87.0.5",
              "resolver.mode=keep")  # fmt: skip
    lines = driver.ok("start", "t1", "--dry-run").stdout.splitlines()
    off = [n for n, line in enumerate(lines) if line.endswith("-txcsum")]
    joined = next(n for n, line in enumerate(lines) if " addm " in line)
    assert len(off) == 2
    assert max(off) < joined
    driver.ok("start", "t1")
