"""The name of a jail in its /etc/hosts, and its time zone; both undone where a start fails."""

from __future__ import annotations

import os

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView

KEEP = "resolver.mode=keep"


@scenario()
def a_jail_finds_itself_by_name(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, "--start")
    hosts = f"{view.jail_root('t1')}/etc/hosts"
    address = driver.json("info", "t1")["addresses"][0]
    first = view.fs.read_text(hosts)
    assert f"{address}\tt1 t1.localdomain\t" in first
    driver.ok("set", "t1", "hostname=www.example.org")
    driver.ok("restart", "t1")
    assert f"{address}\twww.example.org www\t" in view.fs.read_text(hosts)
    assert "localdomain" not in view.fs.read_text(hosts)
    driver.ok("set", "t1", "hosts=keep", "hostname=other")
    driver.ok("restart", "t1")
    assert "other" not in view.fs.read_text(hosts)


@scenario(sim_only=True)
def a_time_zone_of_its_own(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", KEEP, "timezone=Asia/Tokyo")
    root = view.fs.path(view.jail_root("t1"))
    said = driver.ok("start", "t1").stderr
    assert "timezone: its root has no /usr/share/zoneinfo/Asia/Tokyo" in said
    driver.ok("stop", "t1")
    for zone in ("Asia/Tokyo", "UTC"):
        (root / "usr/share/zoneinfo" / zone).parent.mkdir(parents=True, exist_ok=True)
        (root / "usr/share/zoneinfo" / zone).write_text("TZif")
    before = view.fs.read_or(f"{view.jail_root('t1')}/etc/hosts")
    driver.ok("set", "t1", "exec.start=false")
    driver.fails(1, "start", "t1")
    assert not os.path.lexists(root / "etc/localtime")
    assert view.fs.read_or(f"{view.jail_root('t1')}/etc/hosts") == before
    driver.ok("set", "t1", "exec.start=")
    driver.ok("start", "t1")
    assert os.readlink(root / "etc/localtime") == "/usr/share/zoneinfo/Asia/Tokyo"
    driver.fails(2, "set", "t1", "timezone=../etc/passwd", says="time zone")


@scenario(each_release=True)
def a_jail_reads_what_it_is(driver: Bsdvirt, view: HostView) -> None:
    """From security.jail.env, where the kernel has it."""
    argv = ("/sbin/sysctl", "-n", "security.jail.meta_maxbufsize")
    if view.host.run(argv, changes=False).status != 0:
        driver.ok("create", "jail", "t1", "params.env.role=web")
        driver.fails(5, "start", "t1", says="FreeBSD has it since 15.0")
        driver.ok("set", "t1", "params.env.role=")
        driver.ok("start", "t1")
        return
    driver.ok("create", "jail", "t1", "params.env.role=web", "params.meta.owner=ops", "--start")
    lines = driver.ok("exec", "t1", "--", "sysctl", "-n", "security.jail.env").stdout.splitlines()
    one = driver.json("info", "t1")
    assert {
        "role=web",
        "bsdvirt.name=t1",
        f"bsdvirt.id={one['id']}",
        "bsdvirt.nic0.network=private",
        f"bsdvirt.nic0.addresses={one['nics'][0]['address']}",
    } <= set(lines)
    assert not any("ops" in line for line in lines)
    shown = view.run("/usr/sbin/jls", "-j", "t1", "meta").stdout
    assert shown.strip() == "owner=ops"
