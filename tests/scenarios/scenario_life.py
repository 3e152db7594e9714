"""A jail's life cycle: create, start, enter, stop, destroy."""

from __future__ import annotations

import time

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView, assert_same, nothing_of

HANG = "exec.stop=/bin/sleep 1000"


@scenario(each_release=True)
def one_jail_from_create_to_destroy(driver: Bsdvirt, view: HostView) -> None:
    assert "created" in driver.ok("create", "jail", "t1", "resolver.mode=keep").stdout
    assert driver.json("ls")[0]["state"] == "stopped"
    created = view.everything()
    driver.fails(125, "exec", "t1", "--", "/usr/bin/true", says="not running")
    driver.fails(4, "console", "t1", says="not running")
    assert "started" in driver.ok("start", "t1").stdout
    assert driver.json("ls")[0]["state"] == "running"
    info = driver.json("info", "t1")
    jail = view.jails()["t1"]
    assert jail["path"] == view.jail_root("t1")
    assert jail["vnet"] == "new"
    assert info["jid"] == int(jail["jid"])
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    assert driver("exec", "t1", "--", "sh", "-c", "exit 7").status == 7
    assert driver("exec", "t1", "--", "sh", "-c", "exit 0").status == 0
    missing = driver("exec", "t1", "--", "no-such-command")
    assert missing.status == 127
    assert "not found" in missing.stderr
    assert "hello" in driver.ok("exec", "t1", "--", "echo", "hello").stdout
    driver.fails(125, "exec", "tnone", "--", "true", says="no guest tnone")
    driver.fails(125, "exec", "t1", says="which command")
    typed = driver.ok("console", "t1", stdin="hostname\nexit\n")
    assert "t1" in typed.stdout
    assert "already running" in driver.ok("start", "t1").stdout
    assert "stopped" in driver.ok("stop", "t1").stdout
    assert_same(created, view.everything())
    assert "not running" in driver.ok("stop", "t1").stdout
    assert driver.ok("logs", "t1").stdout
    assert "destroyed" in driver.ok("destroy", "t1", "--yes").stdout
    assert driver.json("ls") == []
    assert not view.fs.exists("/var/log/bsdvirt/t1")


@scenario()
def created_and_started_in_one_command(driver: Bsdvirt, view: HostView) -> None:
    result = driver.ok("create", "jail", "t1", "--start", "--hostname", "web.example.org")
    assert "started at" in result.stdout
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "web.example.org\n"
    assert view.jails()["t1"]["host.hostname"] == "web.example.org"


@scenario()
def a_thick_jail_needs_no_release(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--thick", "--start")
    kind, mountpoint, mounted, origin, *_ = view.datasets()[f"{view.root}/guests/t1/root"]
    assert (kind, mountpoint, mounted, origin) == ("filesystem", view.jail_root("t1"), "yes", "-")
    assert not [name for name in view.datasets() if "/guests/" in name and "@" in name]
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    driver.ok("release", "rm", view.release)
    driver.ok("restart", "t1")
    driver.ok("destroy", "t1", "--yes", "--force")
    driver.ok("release", "add", view.dist)


@scenario()
def restart_and_force(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "--start")
    first = view.jails()["t1"]["jid"]
    driver.ok("restart", "t1")
    second = view.jails()["t1"]["jid"]
    assert first != second
    driver.ok("restart", "t1", "--force")
    assert view.jails()["t1"]["jid"] != second
    driver.ok("stop", "t1", "--force")
    assert not nothing_of(view, ["t1"])
    assert "started" in driver.ok("restart", "t1").stdout
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario(each_release=True)
def a_bad_start_leaves_nothing(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "exec.start=/bin/sh -c 'echo about to fail; exit 3'",
              "limits.maxproc=50")  # fmt: skip
    before = view.everything()
    driver.fails(1, "start", "t1", says="t1")
    assert driver.json("ls")[0]["state"] == "failed"
    assert "failure" in driver.json("info", "t1")
    after = view.everything()
    after["files"].pop("/var/run/bsdvirt/failed/t1")
    assert_same(before, after)
    assert "about to fail" in driver.ok("logs", "t1").stdout
    assert [row["name"] for row in driver.json("ls", "state:failed")] == ["t1"]
    driver.ok("doctor")
    driver.ok("set", "t1", "exec.start=")
    driver.ok("start", "t1")
    assert driver.json("ls")[0]["state"] == "running"
    assert "/var/run/bsdvirt/failed/t1" not in view.run_files()


@scenario()
def one_of_several_that_fails_stops_no_other(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3")
    driver.ok("set", "t2", "exec.start=/usr/bin/false")
    result = driver("start", "t1", "t2", "t3")
    assert result.status == 1
    assert "t1: started" in result.stdout
    assert "t3: started" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("bsdvirt: ")
    assert "t2" in line
    assert sorted(view.jails()) == sorted([*view.baseline["jails"], "t1", "t3"])


@scenario()
def a_jail_that_hangs_at_its_stop_is_ended(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", HANG, "stop.grace=1", "--start")
    began = time.monotonic()
    driver.ok("stop", "t1", "--timeout", "3")
    assert time.monotonic() - began < 30
    assert not nothing_of(view, ["t1"])
    driver.ok("start", "t1")
    driver.ok("restart", "t1", "--timeout", "2")
    began = time.monotonic()
    driver.ok("stop", "t1", "--force")
    assert time.monotonic() - began < 20
    assert not nothing_of(view, ["t1"])
    driver.ok("set", "t1", "stop.timeout=1")
    driver.ok("start", "t1")
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def a_jail_whose_stop_fails_is_ended(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "exec.stop=/usr/bin/false", "--start")
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def removed_behind_our_back(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "limits.maxproc=100", "--start")
    for name in ("t1", "t2"):
        view.do("/usr/sbin/jail", "-R", name)
    assert [row["state"] for row in driver.json("ls")] == ["stopped", "stopped"]
    said = driver("doctor")
    assert said.status == 1
    assert "t1" in said.stdout
    driver.ok("start", "t1")
    assert driver.ok("exec", "t1", "--", "hostname").stdout == "t1\n"
    repaired = driver.ok("doctor", "--repair")
    assert "t2" in repaired.stdout
    assert not nothing_of(view, ["t2"])
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def stop_cleans_what_a_removal_left(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "limits.maxproc=100", "--start")
    view.do("/usr/sbin/jail", "-R", "t1")
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario()
def destroy_refuses(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "--start")
    driver.ok("set", "t2", "protected=yes")
    driver.ok("stop", "t2")
    before = view.everything()
    driver.fails(2, "destroy", "t1", says="--yes")
    driver.fails(4, "destroy", "t1", "--yes", says="running")
    driver.fails(4, "destroy", "t2", "--yes", says="protected")
    driver.fails(4, "destroy", "t2", "--yes", "--force", says="protected")
    driver.fails(3, "destroy", "t3", "--yes", says="no guest t3")
    driver.fails(2, "destroy", "--yes", says="which guest")
    assert_same(before, view.everything())
    driver.ok("destroy", "t1", "--yes", "--force")
    driver.ok("set", "t2", "protected=no")
    driver.ok("destroy", "t2", "--yes")
    assert driver.json("ls") == []


@scenario()
def destroy_takes_snapshots_along(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1")
    view.do("/sbin/zfs", "snapshot", "-r", f"{view.root}/guests/t1@mine")
    driver.ok("destroy", "t1", "--yes")
    assert not [name for name in view.datasets() if "/guests/t1" in name]


@scenario(each_release=True)
def limits_and_cpuset_are_in_force(driver: Bsdvirt, view: HostView) -> None:
    limits = ("limits.maxproc=77", "limits.vmemoryuse=2G", "limits.readiops=500", "limits.pcpu=80")
    driver.ok("create", "jail", "t1", *limits, "--cpuset", "0", "--start")
    rules = [rule for rule in view.rules() if rule.startswith("jail:t1:")]
    assert rules == [
        "jail:t1:maxproc:deny=77",
        "jail:t1:maxproc:devctl=76",
        "jail:t1:pcpu:deny=80",
        "jail:t1:readiops:throttle=500",
        f"jail:t1:vmemoryuse:deny={2 << 30}",
        f"jail:t1:vmemoryuse:devctl={2 << 30}",
    ]
    shown = view.run("/usr/bin/cpuset", "-g", "-j", "t1").stdout.splitlines()[0]
    assert shown.endswith("mask: 0")
    assert "mask: 0\n" in driver.ok("exec", "t1", "--", "cpuset", "-g").stdout
    info = driver.json("info", "t1")
    assert info["cpus"] == "0"
    assert info["limits"]["maxproc:deny"] == 77
    assert int(info["usage"]["maxproc"]) > 0
    driver.ok("stop", "t1")
    assert not nothing_of(view, ["t1"])


@scenario(each_release=True)
def parameters_reach_the_kernel(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "allow.raw_sockets=false", "allow.set_hostname=no",
              "children.max=2", "host.domainname=it's a 'quoted' \\ word", "--start")  # fmt: skip
    words = ("allow.raw_sockets", "allow.set_hostname", "children.max", "host.domainname")
    shown = view.run("/usr/sbin/jls", "-j", "t1", "--libxo", "json", "-n", *words)
    import json

    (jail,) = json.loads(shown.stdout)["jail-information"]["jail"]
    assert jail["allow.raw_sockets"] is False
    assert jail["allow.set_hostname"] is False
    assert int(jail["children.max"]) == 2
    assert jail["host.domainname"] == "it's a 'quoted' \\ word"


@scenario()
def the_resolver_is_as_asked(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "resolver.mode=own", "resolver.servers=9.9.9.9",
              "resolver.search=example.org")  # fmt: skip
    view.fs.path(view.jail_root("t2") + "/etc/resolv.conf").symlink_to("/etc/rc.conf")
    driver.ok("start", "t1", "t2")
    for name in ("t1", "t2"):
        text = view.fs.read_beneath(view.jail_root(name), "etc/resolv.conf")
        assert text == "search example.org\nnameserver 9.9.9.9\n"
