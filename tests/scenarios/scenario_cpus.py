"""The CPUs of the host, and the guests on them: what `cpu map` says is what cpuset(1) says."""

from __future__ import annotations

import re
from typing import Any

from scenario_driver import Bsdvirt
from scenario_hosts import scenario
from scenario_view import HostView
from scenario_vm import SMALL, finish, image


def _guest(driver: Bsdvirt, name: str) -> dict[str, Any]:
    (found,) = [one for one in driver.json("cpu", "map")["guests"] if one["name"] == name]
    return dict(found)


def _mask(text: str) -> list[int]:
    return [int(cpu) for cpu in re.findall(r"\d+", text.splitlines()[0].partition("mask: ")[2])]


@scenario(each_release=True)
def the_map_shows_where_jails_may_run(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "t2", "t3", "cpuset=0")
    driver.ok("start", "t1", "t2")
    shown = driver.json("cpu", "map")
    count = int(view.run("/sbin/sysctl", "-n", "hw.ncpu").stdout)
    assert len(shown["host"]["cpus"]) == len(shown["cpus"]) == count
    assert sorted(cpu for core in shown["host"]["cores"] for cpu in core["cpus"]) == [
        row["number"] for row in shown["cpus"]
    ]
    assert shown["cpus"][0]["stopped"] == ["t3"]
    one = _guest(driver, "t1")
    assert one["cpus"] == _mask(view.run("/usr/bin/cpuset", "-g", "-j", "t1").stdout) == [0]
    assert one["running"]
    if count > 1:
        assert one["shared_with"] == ["t2"]
        # The kernel of 15 refuses a running jail CPUs that are all others.
        view.do("/usr/bin/cpuset", "-l", "0-1", "-j", "t2")
        assert _guest(driver, "t2")["cpus"] == [0, 1]
        assert _guest(driver, "t2")["cpuset"] == "0"
        everywhere = count == 2
        assert _guest(driver, "t1")["shared_with"] == ([] if everywhere else ["t2"])
        driver.ok("set", "t1", "cpuset=0-1")
        assert _guest(driver, "t1")["cpus"] == [0, 1]
    driver.ok("stop", "t1", "t2")
    assert not _guest(driver, "t1")["running"]
    driver.ok("destroy", "t1", "t2", "t3", "--yes")


@scenario(each_release=True)
def the_map_shows_pins_of_virtual_machines(driver: Bsdvirt, view: HostView) -> None:
    image(driver, view)
    driver.ok("create", "vm", "v1", "--image", "gold", *SMALL, "pins=[0:1]", "--start")
    found = _guest(driver, "v1")
    assert found["vcpus"] == 1
    assert found["pins"] == [{"vcpu": 0, "cpus": [1]}]
    (pinned,) = [row for row in driver.json("cpu", "map")["cpus"] if row["pins"]]
    assert pinned["number"] == 1
    assert pinned["pins"] == [{"guest": "v1", "vcpus": [0]}]
    finish(driver, "v1")


@scenario()
def the_map_costs_as_many_commands_for_three_guests_as_for_one(
    driver: Bsdvirt, view: HostView
) -> None:
    driver.ok("create", "jail", "t1", "--start")
    _, one = driver.commands_of("cpu", "map")
    driver.ok("create", "jail", "t2", "t3", "--start")
    _, three = driver.commands_of("cpu", "map")
    assert len(one) == len(three), three


@scenario()
def the_map_fits_where_it_is_printed(driver: Bsdvirt, view: HostView) -> None:
    driver.ok("create", "jail", "t1", "cpuset=0", "--start")
    lines = driver.ok("cpu", "map", "--width", "60").lines
    assert max(map(len, lines)) <= 60
    assert "t1" in "\n".join(lines)
    driver.fails(2, "cpu", "map", "--width", "9", says="columns from 40 to 250")
    driver.fails(2, "cpu", says="map")
    path = view.fs.path(view.guest_file("t1"))
    path.write_text("[")
    assert _guest(driver, "t1")["cpus"] == [0]
    driver.ok("stop", "t1", "--force")
    assert "guest.yaml" in _guest(driver, "t1")["error"]
    driver.ok("cpu", "map")


@scenario()
def an_exclusive_cpu_is_no_other_guests(driver: Bsdvirt, view: HostView) -> None:
    count = int(view.run("/sbin/sysctl", "-n", "hw.ncpu").stdout)
    driver.ok("create", "jail", "t1", "--start")
    if count < 2:
        driver.fails(4, "set", "t1", "placement=exclusive", "cpus=1", says="none is available")
    else:
        before = _mask(view.run("/usr/bin/cpuset", "-g", "-j", "t1").stdout)
        driver.ok("create", "jail", "t2", "placement=exclusive", "cpus=1", "--start")
        (mine,) = _guest(driver, "t2")["claimed"]
        assert driver.json("info", "t2")["claimed_cpus"] == str(mine)
        assert _mask(view.run("/usr/bin/cpuset", "-g", "-j", "t2").stdout) == [mine]
        left = [cpu for cpu in before if cpu != mine]
        assert _mask(view.run("/usr/bin/cpuset", "-g", "-j", "t1").stdout) == left
        driver.fails(4, "set", "t1", f"cpuset={mine}", says=f"t2 has CPU {mine} for itself")
        driver.ok("set", "t2", "placement=shared")
        assert _mask(view.run("/usr/bin/cpuset", "-g", "-j", "t1").stdout) == before
        assert driver.json("cpu", "explain", "t2")["cpus"] == [mine]
        driver.ok("restart", "t2")
        assert _mask(view.run("/usr/bin/cpuset", "-g", "-j", "t2").stdout) == [mine]
        driver.ok("destroy", "t2", "--yes", "--force")
    driver.ok("destroy", "t1", "--yes", "--force")
