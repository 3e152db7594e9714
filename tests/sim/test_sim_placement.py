"""CPUs that are chosen for guests: what cpuset(1) shows then, of the guest and of the others."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView
from scenario_vm import SMALL, image

from bsdvirt.spec.types import CpuList
from bsdvirt_sim import SimHost

World = tuple[Bsdvirt, HostView]
EVERY = list(range(16))
"""The CPUs of the machine `ryzen`."""


@pytest.fixture(params=["13.2", "15.1"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with sim_world(release=request.param) as (driver, view):
        cast(SimHost, view.host).settings.set_machine("ryzen")
        yield driver, view


@pytest.fixture
def newest() -> Iterator[World]:
    with sim_world() as (driver, view):
        cast(SimHost, view.host).settings.set_machine("ryzen")
        yield driver, view


def mask(view: HostView, *of: str) -> list[int]:
    """Return what cpuset(1) shows."""
    shown = view.run("/usr/bin/cpuset", "-g", *of).stdout.splitlines()[0]
    return [int(cpu) for cpu in re.findall(r"\d+", shown.partition("mask: ")[2])]


def claimed(driver: Bsdvirt, name: str) -> Any:
    (found,) = [one for one in driver.json("cpu", "map")["guests"] if one["name"] == name]
    return found["claimed"]


def prefix(view: HostView, name: str) -> list[str]:
    """Return what the supervisor of a virtual machine runs bhyve with."""
    job = json.loads(view.fs.read_text(f"/var/run/bsdvirt/vms/{name}/run.json"))
    return list(job["prefix"])


def without(*taken: list[int]) -> list[int]:
    return [cpu for cpu in EVERY if not any(cpu in cpus for cpus in taken)]


def test_an_exclusive_claim_is_the_guests_alone(world: World) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "named", "--start")
    driver.ok("set", "named", "cpuset=12-15")
    driver.ok("create", "jail", "db", "placement=exclusive", "cpus=4", "--start")
    mine = claimed(driver, "db")
    assert len(mine) == 4
    assert mask(view, "-j", "db") == mine
    assert mask(view, "-j", "web") == without(mine)
    assert mask(view, "-j", "named") == [12, 13, 14, 15]
    refused = f"named: cpuset {mine[0]}: db has CPU {mine[0]} for itself"
    driver.fails(4, "set", "named", f"cpuset={mine[0]}", says=refused)
    driver.fails(4, "create", "jail", "late", f"cpuset={mine[1]}", says="db has CPU")
    # A file that was edited by hand is refused by the start.
    driver.ok("stop", "named")
    path = view.fs.path(view.guest_file("named"))
    path.write_text(path.read_text().replace("12-15", f"{mine[2]}"))
    driver.fails(4, "start", "named", says="db has CPU")
    # What is started later keeps off, too.
    driver.ok("create", "jail", "new", "--start")
    assert mask(view, "-j", "new") == without(mine)
    driver.ok("stop", "db")
    driver.ok("start", "db")
    assert mask(view, "-j", "db") == mine
    driver.ok("destroy", "db", "--force", "--yes")
    assert mask(view, "-j", "web") == EVERY
    assert mask(view, "-j", "new") == EVERY


def test_a_claim_is_set_live_and_given_up(newest: World) -> None:
    driver, view = newest
    driver.ok("create", "jail", "web", "db", "--start")
    driver.fails(2, "set", "db", "placement=exclusive", says="placement exclusive needs a number")
    driver.fails(2, "set", "db", "placement=shared", "cpus=2", "cpuset=0", says="chooses the CPUs")
    driver.ok("set", "db", "placement=exclusive", "cpus=2")
    first = claimed(driver, "db")
    assert mask(view, "-j", "db") == first
    driver.ok("set", "db", "cpus=4")
    more = claimed(driver, "db")
    assert len(more) == 4
    assert set(first) < set(more)
    assert (mask(view, "-j", "db"), mask(view, "-j", "web")) == (more, without(more))
    driver.fails(4, "set", "web", "placement=exclusive", "cpus=13", says="held by db")
    driver.ok("set", "db", "placement=none", "cpus=")
    assert claimed(driver, "db") is None
    assert (mask(view, "-j", "db"), mask(view, "-j", "web")) == (EVERY, EVERY)


def test_each_guest_has_a_claim_of_its_own(newest: World) -> None:
    driver, view = newest
    driver.ok("create", "jail", "db", "placement=exclusive", "cpus=2")
    mine = claimed(driver, "db")
    driver.ok("clone", "db", "db2", "db3", "--full")
    driver.ok("rename", "db", "data")
    assert claimed(driver, "data") == mine
    every = [*mine, *claimed(driver, "db2"), *claimed(driver, "db3")]
    assert len(set(every)) == 6
    # What was given up is given again.
    driver.ok("destroy", "data", "--yes")
    driver.ok("create", "jail", "db", "placement=exclusive", "cpus=2")
    assert claimed(driver, "db") == mine
    # A template never runs.
    driver.ok("set", "db", "template=yes")
    assert claimed(driver, "db") is None


def test_a_guest_from_elsewhere_has_cpus_of_this_host(newest: World) -> None:
    driver, view = newest
    driver.ok("create", "jail", "big", "placement=exclusive", "cpus=12")
    driver.ok("create", "jail", "db", "placement=exclusive", "cpus=2")
    dataset = driver.json("info", "db")["dataset"]
    own = view.run("/sbin/zfs", "get", "-Hp", "-o", "value", "bsdvirt:guest", dataset).stdout
    other = re.sub('"host":"[^"]*"', '"host":"00000000-0000-4000-8000-000000000001"', own.strip())
    view.do("/sbin/zfs", "set", f"bsdvirt:guest={other}", dataset)
    driver.ok("create", "jail", "late", "placement=exclusive", "cpus=3")
    # It is adopted, so that it can be changed, and cannot start.
    assert "it cannot start yet" in driver.ok("adopt", "db", "--yes").stderr
    assert claimed(driver, "db") is None
    driver.fails(4, "start", "db", says="held by big, late")
    driver.fails(4, "set", "db", "placement=shared", says="held by big, late")
    driver.ok("set", "db", "placement=shared", "cpus=1")
    driver.ok("start", "db")


def test_doctor_and_reserved_cpus(newest: World) -> None:
    driver, view = newest
    driver.ok("create", "jail", "web", "--start")
    driver.ok("create", "jail", "db", "placement=exclusive", "cpus=2", "--start")
    mine = claimed(driver, "db")
    view.do("/usr/bin/cpuset", "-l", "0-15", "-j", "web")
    assert "web" in driver("doctor").stdout
    driver.ok("doctor", "--repair")
    assert mask(view, "-j", "web") == without(mine)
    host = view.fs.path("/usr/local/etc/bsdvirt/bsdvirt.yaml")
    text = host.read_text()
    host.write_text(f"{text}reserved_cpus: 99\n")
    assert "reserved_cpus: this host has no CPU 99" in driver("doctor").stdout
    host.write_text(f"{text}reserved_cpus: {mine[0]},15\n")
    assert f"db: its CPUs {mine[0]}-{mine[1]} are not valid" in driver("doctor", "--repair").stdout
    driver.ok("restart", "db")
    now = claimed(driver, "db")
    assert not set(now) & {mine[0], 15}
    driver.fails(2, "set", "web", "cpuset=15", says="CPU 15 is reserved for the host")
    assert mask(view, "-j", "web") == without(now, [mine[0], 15])


def test_a_cpuset_that_is_reserved_later_does_not_keep_a_guest_down(newest: World) -> None:
    driver, view = newest
    driver.ok("create", "jail", "web", "cpuset=14-15", "--start")
    host = view.fs.path("/usr/local/etc/bsdvirt/bsdvirt.yaml")
    host.write_text(f"{host.read_text()}reserved_cpus: 15\n")
    said = "it runs on CPUs that are reserved for the host: 15"
    assert said in driver.ok("restart", "web").stderr
    assert mask(view, "-j", "web") == [14, 15]
    driver.ok("set", "web", "hostname=other")
    assert "web: cpuset 14-15: CPU 15 is reserved for the host" in driver("doctor").stdout
    driver.fails(2, "create", "jail", "db", "cpuset=15", says="CPU 15 is reserved for the host")
    driver.ok("set", "web", "cpuset=14")
    assert said not in driver.ok("restart", "web").stderr


def test_a_virtual_machine_and_its_supervisor(newest: World) -> None:
    driver, view = newest
    image(driver, view)
    driver.ok("create", "vm", "v1", "--image", "gold", *SMALL, "--start")
    words = ("create", "vm", "v2", "--image", "gold", *SMALL, "cpus=2", "threads=2")
    driver.ok(*words, "placement=exclusive", "pins=auto", "--start")
    mine = claimed(driver, "v2")
    pids = {name: driver.json("info", name) for name in ("v1", "v2")}
    assert mask(view, "-p", str(pids["v1"]["pid"])) == without(mine)
    assert mask(view, "-p", str(pids["v2"]["pid"])) == mine
    for name in ("v1", "v2"):
        assert mask(view, "-p", str(pids[name]["supervisor_pid"])) == without(mine), name
    # What it is run on when it reboots.
    assert prefix(view, "v1") == ["/usr/bin/cpuset", "-l", CpuList.of(without(mine))]
    path = view.fs.path("/var/run/bsdvirt/vms/v1/run.json")
    path.write_text(path.read_text().replace(CpuList.of(without(mine)), "0-15"))
    assert "v1: it would reboot on other CPUs" in driver("doctor").stdout
    driver.ok("doctor", "--repair")
    assert prefix(view, "v1")[2] == CpuList.of(without(mine))
    (v2,) = [one for one in driver.json("cpu", "map")["guests"] if one["name"] == "v2"]
    assert sorted(cpu for pin in v2["pins"] for cpu in pin["cpus"]) == mine
    # The threads of a core of the guest are on one core of the host.
    cores = [core["cpus"] for core in driver.json("cpu", "map")["host"]["cores"]]
    first = {pin["vcpu"]: pin["cpus"][0] for pin in v2["pins"]}
    assert sorted((first[0], first[1])) in cores
    # They follow a claim that is made anew.
    driver.ok("set", "v2", "placement=shared")
    assert mask(view, "-p", str(pids["v1"]["pid"])) == EVERY
    assert prefix(view, "v1") == []
    driver.ok("stop", "v1", "v2", "--force")


def test_a_main_command_and_its_keeper(newest: World) -> None:
    driver, view = newest
    words = ("create", "jail", "app", "run=sleep 1000", "placement=exclusive", "cpus=2")
    driver.ok(*words, "--start")
    assert mask(view, "-j", "app") == claimed(driver, "app")
    job = view.fs.read_text("/var/run/bsdvirt/jails/app.run")
    assert '"/usr/bin/cpuset"' in job
    driver.ok("stop", "app")


def test_rebalance_moves_guests_apart(newest: World) -> None:
    driver, view = newest
    driver.ok("create", "jail", "a", "b", "c", "placement=shared", "cpus=8", "--start")
    at = {name: claimed(driver, name) for name in "abc"}
    alone, *pair = sorted("abc", key=lambda name: sum(at[name] == one for one in at.values()))
    assert at[pair[0]] == at[pair[1]] != at[alone]
    driver.ok("destroy", alone, "--force", "--yes")
    assert "/usr/bin/cpuset -l" in driver.ok("cpu", "rebalance", "-n").stdout
    (moved,) = driver.json("cpu", "rebalance")
    assert moved["ok"]
    after = {name: claimed(driver, name) for name in pair}
    assert sorted(after.values()) == sorted((at[alone], at[pair[0]]))
    for name, cpus in after.items():
        assert mask(view, "-j", name) == cpus
    assert "no guest would share less" in driver.ok("cpu", "rebalance").stderr


def test_explain(newest: World) -> None:
    driver, _ = newest
    driver.ok("create", "jail", "web")
    driver.fails(2, "cpu", "explain", "web", says="placement=auto cpus=2")
    would = driver.json("cpu", "explain", "web", "placement=exclusive", "cpus=4")
    driver.ok("set", "web", "placement=exclusive", "cpus=4")
    assert claimed(driver, "web") == would["cpus"]
    assert driver.json("cpu", "explain", "web")["cpus"] == would["cpus"]


def test_memory_follows(newest: World) -> None:
    driver, view = newest
    cast(SimHost, view.host).settings.set_machine("xeon")
    driver.ok("create", "jail", "db", "placement=exclusive", "cpus=2", "--start")
    shown = view.run("/usr/bin/cpuset", "-g", "-j", "db").stdout.splitlines()[1]
    assert re.fullmatch(r"jail \d+ domain policy: prefer mask: \d", shown)
    driver.ok("set", "db", "placement=none", "cpus=")
    shown = view.run("/usr/bin/cpuset", "-g", "-j", "db").stdout.splitlines()[1]
    assert re.fullmatch(r"jail \d+ domain policy: first-touch mask: 0, 1.*", shown)


def test_lost_claims_are_made_again_alike_in_whatever_order(newest: World, tmp_path: Path) -> None:
    driver, view = newest
    driver.ok("create", "jail", "a", "placement=shared", "cpus=3")
    driver.ok("create", "jail", "b", "placement=exclusive", "cpus=2")
    driver.ok("create", "jail", "c", "placement=auto", "cpus=4")
    lost = sorted({cpu for name in "abc" for cpu in claimed(driver, name)})
    host = view.fs.path("/usr/local/etc/bsdvirt/bsdvirt.yaml")
    text = ",".join(map(str, lost[:3]))
    host.write_text(f"{host.read_text()}reserved_cpus: {text}\nplacement_policy: pack\n")
    ends = []
    for order in ("abc", "cba", "bca"):
        assert driver.sim is not None
        copy = tmp_path / order
        shutil.copytree(driver.sim, copy, symlinks=True)
        other = Bsdvirt(copy)
        for name in order:
            other.ok("start", name)
        ends.append({name: claimed(other, name) for name in "abc"})
        other.ok("stop", "a", "b", "c", "--force")
    assert ends[0] == ends[1] == ends[2]
    assert not set(ends[0]["b"]) & {*ends[0]["a"], *ends[0]["c"], *lost[:3]}
