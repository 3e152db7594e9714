"""Running guests that lack something of their start: reported, and repaired while they run."""

from __future__ import annotations

from scenario_driver import Bsdvirt, Result
from scenario_hosts import scenario
from scenario_view import HostView, assert_same
from scenario_vm import SMALL, finish, image

IFCONFIG = "/sbin/ifconfig"
RCTL = "/usr/bin/rctl"
QUICK = ("resolver.mode=keep", "exec.start=")


def wrong(driver: Bsdvirt, *words: str) -> Result:
    """What doctor says, where something is wrong."""
    result = driver(*words)
    assert result.status == 1, result
    return result


def port(driver: Bsdvirt, view: HostView, name: str) -> str:
    number = driver.json("info", name)["id"]
    return next(face for face in view.interfaces() if face in (f"bv{number}n0a", f"bv{number}n0"))


def as_netif_does(view: HostView) -> None:
    """What `service netif restart` does to what is ours: network.subr's ipv4_down and
    ifconfig_down for each interface; its start brings up only those of rc.conf."""
    if view.simulated:
        view.do("/usr/sbin/service", "netif", "restart")
        return
    for name, face in view.interfaces().items():
        if not name.startswith("bv"):
            continue
        for address in face["addresses"]:
            if ":" not in address:
                view.do(IFCONFIG, name, "inet", address, "-alias")
        view.do(IFCONFIG, name, "down")


@scenario()
def the_hosts_network_restarts_beneath_guests(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", *QUICK, "--start")
    driver.ok("doctor")
    before = view.everything()
    address = driver.json("info", "t2")["addresses"][0].split("/")[0]
    ping = ("exec", "t1", "--", "ping", "-c1", "-t2", address)
    driver.ok(*ping)
    for mend in (("doctor", "--repair"), ("boot", "network")):
        as_netif_does(view)
        assert driver(*ping).status != 0
        said = driver("doctor")
        assert said.status == 1, said
        for name in ("t1", "t2"):
            assert (
                f"problem: {name}: its interface {port(driver, view, name)} is down" in said.stdout
            )
        assert "problem: private: network private is not up, and t1, t2 run on it" in said.stdout
        assert {row["name"]: row["state"] for row in driver.json("network", "ls")}[
            "private"
        ] == "down"
        shown = driver.ok(*mend, "--dry-run").stdout
        assert f"ifconfig {port(driver, view, 't1')} up" in shown
        done = driver.ok(*mend)
        assert f"t1: brought {port(driver, view, 't1')} up" in done.stdout
        driver.ok(*ping)
        driver.ok("doctor")
        assert_same(before, view.everything())
    bridge = next(row["bridge"] for row in driver.json("network", "ls") if row["name"] == "private")
    gateway = view.interfaces()[bridge]["addresses"][0]
    view.do(IFCONFIG, bridge, "inet", gateway, "-alias")
    assert driver.json("network", "info", "private")["state"] == "partial"
    assert "private: brought up" in driver.ok("doctor", "--repair").stdout
    view.do(IFCONFIG, bridge, "deletem", port(driver, view, "t1"))
    assert "is no member of" in wrong(driver, "doctor").stdout
    assert f"t1: joined {port(driver, view, 't1')}" in driver.ok("doctor", "--repair").stdout
    driver.ok(*ping)
    assert_same(before, view.everything())


@scenario()
def limits_and_cpus_that_are_gone_come_back(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", *QUICK, "limits.maxproc=50", "limits.memoryuse=512M",
              "cpuset=0", "--start")  # fmt: skip
    driver.ok("doctor")
    before = view.everything()
    view.do(RCTL, "-r", "jail:t1")
    view.do("/usr/bin/cpuset", "-l", "0-1", "-j", "t1")
    said = wrong(driver, "doctor").stdout
    assert "t1: its maxproc is not limited, and is to be at most 50" in said
    assert "t1: it runs on the CPUs 0-1" in said
    done = driver.ok("doctor", "--repair").stdout
    assert "t1: limited its maxproc to 50 again" in done
    assert "t1: gave it the CPUs 0 again" in done
    assert_same(before, view.everything())
    view.do(RCTL, "-a", "jail:t1:maxproc:deny=7")
    driver.ok("doctor", "--repair")
    assert "jail:t1:maxproc:deny=50" in view.rules()


@scenario(each_release=True)
def a_jail_whose_processes_were_left_on_few_cpus(driver: Bsdvirt, view: HostView) -> None:
    """jail(8) of 15 runs exec.start in a cpuset below the jail's: what the jail is given back, that
    is not."""
    if len(driver.json("cpu", "map")["cpus"]) < 2:
        return
    driver.ok("create", "jail", "t1", "resolver.mode=keep", "cpuset=0-1", "--start")
    for cpus in ("0", "0-1"):
        view.do("/usr/bin/cpuset", "-l", cpus, "-j", "t1")
    pid = view.run("/bin/ps", "-J", "t1", "-o", "pid").stdout.split()[-1]
    said = driver.ok("doctor").stdout
    narrow = view.run("/usr/bin/cpuset", "-g", "-p", pid).stdout.startswith(f"pid {pid} mask: 0\n")
    assert ("t1: processes in it run on the CPUs 0 only, and are to run on 0-1" in said) == narrow
    # A jail may have made such a set itself: what runs by itself leaves it.
    driver.ok("boot", "network")
    assert ("to run on 0-1" in driver.ok("doctor").stdout) == narrow
    done = driver.ok("doctor", "--repair").stdout
    assert ("t1: gave its processes the CPUs 0-1 again" in done) == narrow
    assert "mask: 0, 1" in view.run("/usr/bin/cpuset", "-g", "-p", pid).stdout
    assert "processes" not in driver.ok("doctor").stdout


@scenario()
def an_address_of_a_shared_jail_comes_back(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", *QUICK, "stack=shared",
              "addresses=[{interface: lo0, address: 127.9.9.9}]", "--start")  # fmt: skip
    before = view.everything()
    view.do(IFCONFIG, "lo0", "inet", "127.9.9.9/32", "-alias")
    said = wrong(driver, "doctor").stdout
    assert "its address 127.9.9.9/32 on lo0 is gone from the host" in said
    assert "t1: gave the host its address" in driver.ok("doctor", "--repair").stdout
    assert_same(before, view.everything())


@scenario()
def what_only_a_start_can_mend_is_told(driver: Bsdvirt, view: HostView) -> None:
    (view.scratch / "data").mkdir(exist_ok=True)
    source = f"{view.host_scratch}/data"
    driver.ok("create", "jail", "t1", *QUICK,
              f"mounts=[{{name: d, source: {source}, target: /opt/d}}]", "--start")  # fmt: skip
    driver.ok("doctor")
    view.do("/sbin/umount", f"{view.jail_root('t1')}/opt/d")
    said = wrong(driver, "doctor", "--repair").stdout
    assert f"nullfs is not mounted at {view.jail_root('t1')}/opt/d" in said
    assert "bsdvirt restart t1" in said
    driver.ok("restart", "t1")
    driver.ok("doctor")
    view.do(IFCONFIG, port(driver, view, "t1"), "destroy")
    assert "is gone (bsdvirt restart t1)" in wrong(driver, "doctor").stdout
    driver.ok("restart", "t1")
    driver.ok("doctor")


@scenario(sim_only=True)
def a_virtual_machine_is_connected_again(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "t1", *SMALL, "--image", "gold", "limits.readiops=99", "--start")
    driver.ok("doctor")
    before = view.interfaces()
    rules = view.rules()
    as_netif_does(view)
    for rule in rules:
        view.do(RCTL, "-r", rule)
    said = wrong(driver, "doctor").stdout
    assert f"t1: its interface {port(driver, view, 't1')} is down" in said
    assert "t1: its readiops is not limited" in said
    done = driver.ok("doctor", "--repair").stdout
    assert f"t1: brought {port(driver, view, 't1')} up" in done
    assert view.rules() == rules
    assert view.interfaces() == before
    finish(driver, "t1")


@scenario(sim_only=True)
def ports_of_a_virtual_machine_are_forwarded_again(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    words = ("--image", "gold", "expose=tcp:18080:80", "--start")
    driver.ok("create", "vm", "t1", *SMALL, *words)
    before = view.filter()
    view.do("/sbin/pfctl", "-a", "bsdvirt/guest-t1", "-F", "nat")
    (row,) = driver.json("expose", "t1")
    assert row["state"] == "inactive" and "not loaded" in row["why"]
    assert "what t1 exposes: its rules in pf(4)" in wrong(driver, "doctor").stdout
    assert "t1: loaded the rules of pf(4)" in driver.ok("doctor", "--repair").stdout
    assert view.filter() == before
    assert driver.json("expose", "t1")[0]["state"] == "active"
    driver.ok("doctor")
    finish(driver, "t1")


@scenario()
def what_is_not_mounted_is_told_and_mounted(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", *QUICK)
    driver.ok("doctor")
    before = view.everything()
    for name in ("guests/t1/root", "guests/t1"):
        view.do("/sbin/zfs", "umount", f"{view.root}/{name}")
    said = wrong(driver, "doctor").stdout
    for name in ("guests/t1/root", "guests/t1"):
        assert f"problem: {view.root}/{name}: is not mounted at" in said
    done = driver.ok("doctor", "--repair").stdout
    assert f"{view.root}/guests/t1/root: mounted at {view.jail_root('t1')}" in done
    assert_same(before, view.everything())
    view.do("/sbin/zfs", "umount", f"{view.root}/state")
    assert f"{view.root}/state: is not mounted" in wrong(driver, "doctor").stdout
    driver.ok("doctor", "--repair")
    assert_same(before, view.everything())
    driver.ok("start", "t1")


@scenario()
def a_root_that_inherits_what_keeps_programs_from_running(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", *QUICK)
    root = f"{view.root}/guests/t1/root"
    view.do("/sbin/zfs", "set", "exec=off", root)
    view.do("/sbin/zfs", "set", "setuid=off", root)
    said = wrong(driver, "doctor").stdout
    assert f"problem: t1: its root {root} has exec=off" in said
    assert f"zfs set exec=on {root}" in said
    assert f"notice: t1: its root {root} has setuid=off" in said
    view.do("/sbin/zfs", "set", "exec=on", root)
    driver.ok("doctor")


@scenario()
def what_was_waited_for_at_boot_is_gone(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", *QUICK)
    driver.ok("set", "t2", "boot.after=t1")
    driver.ok("destroy", "t1", "--yes")
    said = driver.ok("doctor").stdout
    assert "notice: t2: is to start after t1 at boot, which does not exist" in said
    driver.ok("set", "t2", "boot.after=")
    assert "to start after" not in driver.ok("doctor").stdout


@scenario(sim_only=True)
def a_bridge_of_the_hosts_own_that_is_down_is_told(driver: Bsdvirt, view: HostView) -> None:
    view.do(IFCONFIG, "bridge7", "create", "up")
    driver.ok("network", "create", "own", "--bridge", "bridge7", "--subnet", "10.79.7.0/24",
              "--pool", "10.79.7.2-10.79.7.9")  # fmt: skip
    driver.ok("create", "jail", "t1", *QUICK, "--network", "own", "--start")
    driver.ok("doctor")
    view.do(IFCONFIG, "bridge7", "down")
    said = wrong(driver, "doctor").stdout
    assert "own: its bridge bridge7, which is the host's own, is down (ifconfig bridge7 up)" in said
    driver("doctor", "--repair")
    assert not view.interfaces()["bridge7"]["up"], "it is not ours to bring up"
    view.do(IFCONFIG, "bridge7", "up")
    driver.ok("doctor")
    driver.ok("destroy", "t1", "--yes", "--force")
    driver.ok("network", "destroy", "own")
    view.do(IFCONFIG, "bridge7", "destroy")
