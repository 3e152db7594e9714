"""pf(4): NAT and port forwards to guests, and rules of others."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same

from bsdvirt_sim import SimHost

OTHER = ("--address", "10.79.6.1/24", "--pool", "10.79.6.10-10.79.6.20")


def way_out(view: HostView) -> tuple[str, str]:
    """The router beyond the host, and the host's own address that leads there."""
    shown = view.run("/sbin/route", "-n", "get", "default").stdout
    words = dict(line.strip().split(": ", 1) for line in shown.splitlines() if ": " in line)
    face = view.interfaces()[words["interface"]]
    return words["gateway"], next(a.split("/")[0] for a in face["addresses"] if "." in a)


def listen(driver: Bsdvirt, view: HostView, guest: str, port: int) -> None:
    """Let a port of a running guest answer."""
    if isinstance(view.host, SimHost):
        view.host.settings.listen(guest, port)
    else:
        driver.ok("exec", guest, "--", "daemon", "-f", "nc", "-lk", str(port))


def reaches(driver: Bsdvirt, guest: str, address: str, port: int) -> bool:
    words = ("exec", guest, "--", "nc", "-z", "-w", "3", address, str(port))
    return driver(*words).status == 0


@scenario(each_release=True)
def guests_get_out_by_the_address_of_the_host(driver: Bsdvirt, view: HostView) -> None:
    router, _ = way_out(view)
    assert driver.json("network", "info", "private")["nat"] == "active"
    before = view.everything()
    driver.ok("network", "create", "tnet", "--nat", *OTHER)
    driver.ok("create", "jail", "t1", "--network", "tnet", "--start")
    ping = ("exec", "t1", "--", "ping", "-c1", "-t3", router)
    driver.ok(*ping)
    assert "nothing changes" in driver.ok("network", "set", "tnet", "nat=yes").stdout
    driver.ok("network", "set", "tnet", "nat=no")
    assert driver.json("network", "info", "tnet")["nat"] == "off"
    assert not [rule for rule in view.filter() if "10.79.6.0/24" in rule]
    assert driver(*ping).status != 0
    driver.ok("network", "set", "tnet", "nat=yes")
    driver.ok(*ping)
    driver.ok("destroy", "t1", "--yes", "--force")
    driver.ok("network", "destroy", "tnet")
    after = view.everything()
    assert_same({"filter": before["filter"]}, {"filter": after["filter"]})


@scenario()
def a_port_leads_to_a_guest_while_it_runs(driver: Bsdvirt, view: HostView) -> None:
    _, host = way_out(view)
    driver.ok("network", "create", "tnet", *OTHER)
    driver.ok("create", "jail", "t1", "expose=tcp:18080:80", "--start")
    driver.ok("create", "jail", "t2", "--network", "tnet", "--start")
    listen(driver, view, "t1", 80)
    assert reaches(driver, "t2", host, 18080)
    before = view.everything()
    assert "pfctl" in driver.ok("expose", "t1", "tcp:18081:80", "-n").stdout
    assert_same(before, view.everything())
    driver.ok("expose", "t1", "tcp:18081-18083:80", "udp:5353")
    assert reaches(driver, "t2", host, 18081)
    rows = driver.json("expose", "t1")
    assert [row["state"] for row in rows] == ["active"] * 3
    assert driver.json("expose") == rows
    driver.fails(4, "expose", "t2", "tcp:18082", says="clashes with tcp:18081-18083:80-82 of t1")
    driver.fails(4, "create", "jail", "t3", "expose=tcp:18080", says="clashes")
    driver.fails(2, "expose", "t1", "tcp:70000", says="65535")
    driver.fails(2, "expose", "t1", "tcp:18083", says="same port")
    driver.fails(3, "expose", "t1", "tcp:1", "--on", "192.0.2.77", says="no address 192.0.2.77")
    driver.fails(3, "expose", "t1", "-r", "tcp:1", says="does not expose")
    driver.ok("expose", "t1", "-r", "tcp:18081-18083")
    assert not reaches(driver, "t2", host, 18081)
    assert reaches(driver, "t2", host, 18080)
    driver.ok("stop", "t1")
    assert not [rule for rule in view.filter() if rule.startswith("rdr ")]
    driver.ok("rename", "t1", "t4")
    driver.ok("start", "t4")
    assert [row["state"] for row in driver.json("expose", "t4")] == ["active"] * 2
    driver.ok("expose", "t4", "--remove")
    assert driver.json("expose") == []
    assert not [rule for rule in view.filter() if rule.startswith("rdr ")]


@scenario()
def what_the_host_itself_serves_is_not_taken_from_it(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    if isinstance(view.host, SimHost):
        view.host.settings.listen_on_host("sshd tcp4 *:22", "named udp4 127.0.0.1:53")
    driver.fails(4, "expose", "t1", "tcp:20-25", says="the host's own sshd")
    driver.ok("expose", "t1", "udp:53")


@contextlib.contextmanager
def own_rules(view: HostView, text: str) -> Iterator[None]:
    """Somebody's own file of rules, loaded."""
    path = view.fs.path("/etc/pf.conf")
    before = path.read_text() if path.exists() else None
    path.write_text(text)
    view.do("/sbin/pfctl", "-f", "/etc/pf.conf")
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
            view.do("/sbin/pfctl", "-f", "/etc/pf.conf")


@scenario()
def rules_of_somebodys_own_are_left_alone(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "expose=tcp:18080:80", "--start")
    with own_rules(view, "pass in all\n"):
        assert driver.json("network", "info", "private")["nat"] == "inactive"
        assert "anchors" in driver.json("network", "info", "private")["nat_why"]
        told = driver("doctor")
        assert told.status == 1
        assert 'nat-anchor "bsdvirt/*"' in told.stdout
        before = view.everything()
        made = driver.ok("network", "create", "tnet", "--nat", *OTHER)
        assert 'rdr-anchor "bsdvirt/*"' in made.stderr
        assert driver.json("network", "info", "tnet")["nat"] == "inactive"
        assert view.fs.read_text("/etc/pf.conf") == "pass in all\n"
        driver.ok("restart", "t1")
        assert "not reached" in driver.ran[-1].stderr
        driver.ok("network", "destroy", "tnet")
        assert_same({"f": before["filter"]}, {"f": view.everything()["filter"]})
        view.fs.path("/etc/pf.conf").write_text(
            'nat-anchor "bsdvirt/*"\nrdr-anchor "bsdvirt/*"\npass in all\n'
        )
        view.do("/sbin/pfctl", "-f", "/etc/pf.conf")
        assert driver.json("network", "info", "private")["nat"] == "active"
        assert driver.json("expose", "t1")[0]["state"] == "active"
        driver.ok("doctor")


@scenario()
def anchors_that_were_lost_are_loaded_again(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "expose=tcp:18080:80", "--start")
    whole = view.filter()
    view.do("/sbin/pfctl", "-a", "bsdvirt/guest-t1", "-F", "nat")
    view.do("/sbin/pfctl", "-a", "bsdvirt/net-private", "-F", "nat")
    told = driver("doctor")
    assert told.status == 1
    assert "rules in pf(4) are not those" in told.stdout
    driver.ok("doctor", "--repair")
    assert view.filter() == whole
    view.do("/sbin/pfctl", "-a", "bsdvirt/guest-t1", "-F", "nat")
    view.do("/sbin/pfctl", "-a", "bsdvirt/net-private", "-F", "nat")
    driver.ok("boot", "network")
    assert view.filter() == whole
    lost = view.fs.path("/var/run/bsdvirt/pf/guest-nobody.conf")
    lost.write_text("nat on lo0 inet from 10.99.0.0/24 to any -> (lo0:0)\n")
    view.do(
        "/sbin/pfctl", "-a", "bsdvirt/guest-nobody", "-f", "/var/run/bsdvirt/pf/guest-nobody.conf"
    )
    assert driver("doctor").status == 1
    driver.ok("doctor", "--repair")
    assert view.filter() == whole
    assert not lost.exists()


@scenario()
def one_broken_network_keeps_only_its_own_guests_down(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("network", "create", "tnet", *OTHER)
    driver.ok("create", "jail", "t1", "boot.auto=yes")
    driver.ok("create", "jail", "t2", "boot.auto=yes", "--network", "tnet")
    path = view.fs.path("/usr/local/etc/bsdvirt/networks/tnet.yaml")
    whole = path.read_text()
    path.write_text(whole + "mtu: many\n")
    begun = driver("boot", "start")
    assert begun.status == 1
    assert "tnet.yaml" in begun.stderr
    states = {row["name"]: row["state"] for row in driver.json("ls")}
    assert states["t1"] == "running"
    assert states["t2"] != "running"
    rows = {row["name"]: row["state"] for row in driver.json("network", "ls")}
    assert rows == {"private": "up", "tnet": "broken"}
    told = driver("doctor")
    assert told.status == 1
    assert "tnet.yaml" in told.stdout
    driver("doctor", "--repair")
    assert [face for face in view.interfaces() if face.startswith("bvbr")] == ["bvbr0", "bvbr1"]
    driver.fails(2, "start", "t2", says="tnet.yaml")
    driver.fails(4, "network", "create", "tnet", *OTHER, says="already exists")
    path.write_text(whole)
    driver.ok("start", "t2")


@scenario(sim_only=True)
def translation_comes_back_after_a_reboot(driver: Bsdvirt, view: HostView) -> None:
    assert isinstance(view.host, SimHost)
    driver.ok("create", "jail", "t1", "boot.auto=yes", "expose=tcp:18080:80", "--start")
    whole = view.filter()
    view.host.settings.reboot()
    # As rc(8) does: bsdvirt_network first, while pf(4) is still to come.
    driver.ok("boot", "network")
    driver.ok("boot", "start")
    assert view.filter() == whole
    driver.ok("doctor")


@scenario(sim_only=True, bare=True)
def another_packet_filter_is_left_alone(driver: Bsdvirt, view: HostView) -> None:
    rc_conf = view.fs.path("/etc/rc.conf")
    rc_conf.write_text(rc_conf.read_text() + 'firewall_enable="YES"\n')
    made = driver.ok("init", "--pool", view.pool)
    assert "nat: inactive: ipfw is this host's packet filter" in made.stdout
    assert not view.fs.exists("/etc/pf.conf")
    assert not [rule for rule in view.filter() if rule == "enabled" or "anchor" in rule]
    assert "gateway_enable" not in rc_conf.read_text()
    assert json.loads(driver.ok("network", "ls", "--json").stdout)[0]["nat"] == "inactive"
    # Nobody needs it yet.
    assert driver("doctor").status == 0


@scenario(sim_only=True, bare=True)
def init_leaves_the_packet_filter_alone_where_asked(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("init", "--pool", view.pool, "--no-nat")
    assert view.filter() == []
    assert not view.fs.exists("/etc/pf.conf")
    assert driver.json("network", "info", "private")["nat"] == "off"


@scenario()
def what_one_thing_pf_lacks_is_named(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "expose=tcp:18081:80", "--start")
    driver.ok("doctor")
    conf = view.fs.path("/etc/pf.conf")
    text = conf.read_text()

    def told(message: str, remedy: str) -> None:
        said = driver.json("doctor", status=1)
        mine = [one for one in said if one["subject"] in ("t1", "private")]
        assert {one["message"].rpartition(": ")[2] for one in mine} == {message}, mine
        assert {one["remedy"] for one in mine} == {remedy}, mine

    view.do("/sbin/pfctl", "-d")
    try:
        told("pf(4) is disabled", "service pf start")
        view.do("/sbin/pfctl", "-F", "nat")
        told("pf(4) is disabled", "service pf start")
        view.do("/usr/sbin/sysrc", "pf_enable=NO")
        told("pf(4) is disabled", "sysrc pf_enable=YES, and service pf start")
        view.do("/usr/sbin/sysrc", "pf_enable=YES")
    finally:
        view.do("/sbin/pfctl", "-e")
    told("pf(4) has not the rules of /etc/pf.conf", "service pf reload")
    conf.write_text("pass in all\n")
    try:
        view.do("/sbin/pfctl", "-f", "/etc/pf.conf")
        told(
            "/etc/pf.conf does not call bsdvirt's anchors",
            'add to /etc/pf.conf, where translation rules go: nat-anchor "bsdvirt/*"; rdr-anchor'
            ' "bsdvirt/*"; then service pf reload',
        )
    finally:
        conf.write_text(text)
        view.do("/sbin/pfctl", "-f", "/etc/pf.conf")
    driver.ok("doctor")


# Not on a real host: it would block what the tests themselves come by.
@scenario(each_release=True, sim_only=True)
def rules_of_the_hosts_own_hold_for_exposed_ports(driver: Bsdvirt, view: HostView) -> None:
    _, host = way_out(view)
    driver.ok("network", "create", "tnet", *OTHER)
    driver.ok("create", "jail", "t1", "expose=tcp:18080:80", "--start")
    driver.ok("create", "jail", "t2", "--network", "tnet", "--start")
    listen(driver, view, "t1", 80)
    anchors = 'nat-anchor "bsdvirt/*"\nrdr-anchor "bsdvirt/*"\n'
    file = view.fs.path("/usr/local/etc/bsdvirt/bsdvirt.yaml")
    whole = file.read_text()
    with own_rules(view, f"{anchors}block in all\n"):
        assert reaches(driver, "t2", host, 18080)
        file.write_text(f"{whole}expose: {{filtered: true}}\n")
        assert "not those it should have" in driver("doctor").stdout
        driver.ok("doctor", "--repair")
        assert not reaches(driver, "t2", host, 18080)
        (said,) = [one for one in driver.json("doctor") if one["subject"] == "t1"]
        assert 'anchor "bsdvirt/*"' in said["remedy"]
        assert "may not be reached" in driver.ok("expose", "t1", "tcp:18081:80").stderr
        # The last rule that matches decides.
        for text, passes in (
            (f'{anchors}block in all\nanchor "bsdvirt/*"\n', True),
            (f'{anchors}anchor "bsdvirt/*"\nblock in all\n', False),
        ):
            view.fs.path("/etc/pf.conf").write_text(text)
            view.do("/sbin/pfctl", "-f", "/etc/pf.conf")
            assert reaches(driver, "t2", host, 18080) == passes
            driver.ok("doctor")
            assert [one for one in driver.json("doctor") if one["subject"] == "t1"] == []
    rules = ("/sbin/pfctl", "-a", "bsdvirt/guest-t1", "-s", "rules")
    assert "tagged bsdvirt" in view.run(*rules).stdout
    assert reaches(driver, "t2", host, 18081)
    driver.ok("restart", "t1")
    assert "tagged bsdvirt" in view.run(*rules).stdout
    file.write_text(whole)
    driver.ok("doctor", "--repair")
    assert "pass" not in view.run(*rules).stdout
    file.write_text(f"{whole}expose: {{filtered: true}}\n")
    driver.ok("doctor", "--repair")
    driver.ok("stop", "t1")
    assert (
        "bsdvirt/guest-t1" not in view.run("/sbin/pfctl", "-a", "bsdvirt", "-s", "Anchors").stdout
    )
    file.write_text(whole)


@scenario()
def what_works_only_until_the_next_boot_is_told(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("doctor")
    for name, what in (("pf_enable", "start pf(4)"), ("gateway_enable", "forward IPv4")):
        view.do("/usr/sbin/sysrc", f"{name}=NO")
        try:
            said = [one for one in driver.json("doctor") if "next boot" in one["message"]]
            assert [one["remedy"] for one in said] == [f"sysrc {name}=YES"]
            assert what in said[0]["message"]
            made = driver.ok("network", "create", "tnet", "--nat", *OTHER)
            assert f"{name}=YES in rc.conf" in made.stdout + made.stderr
            driver.ok("network", "destroy", "tnet")
        finally:
            view.do("/usr/sbin/sysrc", f"{name}=YES")
    driver.ok("doctor")


@scenario(sim_only=True)
def a_port_for_one_network_only(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=keep")
    driver.ok("expose", "t1", "tcp:15432:5432", "--from", "192.168.1.0/24")
    driver.ok("expose", "t2", "tcp:15432:5432", "--from", "192.168.2.7")
    driver.fails(4, "expose", "t2", "tcp:15432:5432", "--from", "192.168.1.9", says="clashes")
    driver.ok("start", "t1", "t2")
    rules = view.fs.read_text("/var/run/bsdvirt/pf/guest-t1.conf")
    assert "proto tcp from 192.168.1.0/24 to " in rules
    assert [row["from"] for row in driver.json("expose")] == ["192.168.1.0/24", "192.168.2.7/32"]
    driver.fails(2, "expose", "t1", "tcp:1", "--from", "nowhere", says="network such as")
    driver.ok("expose", "t1", "--remove", "tcp:15432")
    assert driver.json("expose", "t1") == []
