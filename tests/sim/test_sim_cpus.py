"""The CPUs of a running virtual machine: pins outlive a change of its cpuset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from scenario_driver import Bsdvirt
from scenario_hosts import sim_world
from scenario_view import HostView
from scenario_vm import SMALL, image

from bsdvirt_sim import SimHost


@pytest.fixture(params=["13.2", "15.1"])
def world(request: pytest.FixtureRequest) -> Iterator[tuple[Bsdvirt, HostView]]:
    with sim_world(release=request.param) as (driver, view):
        cast(SimHost, view.host).settings.set_machine("ryzen")
        image(driver, view)
        words = ("create", "vm", "v1", "--image", "gold", *SMALL, "cpus=2", "--start")
        driver.ok(*words, "pins=[0:4, 1:6-7]", "cpuset=0-7")
        yield driver, view


def guest(driver: Bsdvirt) -> Any:
    return driver.json("cpu", "map")["guests"][0]


PINS = [{"vcpu": 0, "cpus": [4]}, {"vcpu": 1, "cpus": [6, 7]}]


def test_pins_outlive_a_change_of_the_cpuset(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    assert guest(driver)["pins"] == PINS
    driver.ok("set", "v1", "cpuset=4-11")
    found = guest(driver)
    assert found["cpus"] == list(range(4, 12))
    assert found["pins"] == PINS
    driver.ok("set", "v1", "cpuset=")
    assert guest(driver)["everywhere"]
    assert guest(driver)["pins"] == PINS


def test_pins_are_back_after_a_change_that_failed(world: tuple[Bsdvirt, HostView]) -> None:
    driver, _ = world
    failed = driver("set", "v1", "cpuset=4-11", env={"BSDVIRT_FAULT": "fail:2"})
    assert failed.status != 0
    found = guest(driver)
    assert found["cpus"] == list(range(8))
    assert found["pins"] == PINS


def test_doctor_keeps_pins_too(world: tuple[Bsdvirt, HostView]) -> None:
    driver, view = world
    pid = driver.json("info", "v1")["pid"]
    view.do("/usr/bin/cpuset", "-l", "0-3", "-p", str(pid))
    assert guest(driver)["pins"] == []
    view.do("/usr/bin/cpuset", "-l", "2", "-t", str(thread(view, pid)))
    driver.ok("doctor", "--repair")
    found = guest(driver)
    assert found["cpus"] == list(range(8))
    assert found["pins"] == [{"vcpu": 0, "cpus": [2]}]


def thread(view: HostView, pid: int) -> int:
    """Return the thread of the first virtual CPU."""
    shown = view.run("/usr/bin/procstat", "-h", "-S", str(pid)).stdout
    (line,) = [one for one in shown.splitlines() if "vcpu 0" in one]
    return int(line.split()[1])
