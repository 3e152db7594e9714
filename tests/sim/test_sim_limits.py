"""limits: what is in force, and how near it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView
from scenario_vm import SMALL, image

MB = 1 << 20


@pytest.fixture
def world() -> Iterator[tuple[Bsdvirt, HostView]]:
    with sim_world() as (driver, view):
        yield driver, view


def test_limits_of_what_runs_the_nearest_first(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "limits.memoryuse=100M", "limits.maxproc=50", "--start")
    driver.ok("create", "jail", "db", "limits.memoryuse=10M", "--start")
    driver.ok("create", "jail", "free", "--start")
    driver.ok("create", "jail", "off", "limits.maxproc=5")
    view.host.settings.set_load("web", memory=25 * MB)  # type: ignore[attr-defined]
    view.host.settings.set_load("db", memory=9 * MB)  # type: ignore[attr-defined]
    rows = driver.json("limits")
    assert [(row["name"], row["resource"], row["percent"]) for row in rows] == [
        ("db", "memoryuse", 90.0), ("web", "memoryuse", 25.0), ("web", "maxproc", 4.0),
    ]  # fmt: skip
    assert rows[0] == {
        "name": "db", "kind": "jail", "resource": "memoryuse", "action": "deny", "per": "jail",
        "limit": 10 * MB, "used": 9 * MB, "percent": 90.0, "unit": "bytes",
    }  # fmt: skip
    assert driver.ok("limits", "web").lines[1].split() == [
        "web", "memoryuse", "deny", "100M", "25M", "25%",
    ]  # fmt: skip
    assert driver.ok("limits", "-H", "db").lines == [
        f"db\tmemoryuse\tdeny\t{10 * MB}\t{9 * MB}\t90.0"
    ]


def test_limits_of_a_virtual_machine_are_those_of_its_process(
    world: tuple[Bsdvirt, HostView],
) -> None:
    driver, view = world
    image(driver, view)
    driver.ok("create", "vm", "v1", *SMALL, "--image", "gold", "limits.pcpu=50", "--start")
    (row,) = driver.json("limits")
    assert (row["name"], row["kind"], row["resource"], row["limit"]) == ("v1", "vm", "pcpu", 50)
    assert row["unit"] == "percent"
    assert row["used"] is not None


def test_no_limits_and_no_accounting(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    driver.ok("create", "jail", "web", "--start")
    assert "no limits are in force" in driver.ok("limits").stdout
    assert driver.json("limits") == []
    view.host.settings.set_racct(False)  # type: ignore[attr-defined]
    driver.fails(5, "limits", says="kern.racct.enable=1")
    driver.fails(3, "limits", "nosuch", says="nosuch")
