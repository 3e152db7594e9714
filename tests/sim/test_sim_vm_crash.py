"""A virtual machine's start and stop, failing and killed at every step: real supervisors on
the simulated host."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_driver import Bsdvirt, Result
from scenario_hosts import fast_directory, fast_place, sim_template, sim_view
from scenario_view import Facts, HostView, differences
from test_sim_crash import IMAGE, VM, steps

from bsdvirt_sim.kernel.processes import end_all


@functools.cache
def prepared() -> Path:
    """A host with a virtual machine `web` that has run before."""
    top = Path(tempfile.mkdtemp(prefix="bsdvirt-vm-crash-", dir=fast_place()))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    host = top / "host"
    shutil.copytree(sim_template(False), host, symlinks=True)
    driver = Bsdvirt(host)
    for words in (IMAGE, VM, ("start", "web"), ("stop", "web", "--force")):
        driver.ok(*words)
    end_all(host)
    return host


@pytest.fixture
def world() -> Iterator[Path]:
    with fast_directory() as top:
        try:
            yield top
        finally:
            for directory in top.iterdir():
                end_all(directory)


def fresh(top: Path, name: str) -> tuple[Bsdvirt, HostView]:
    directory = top / name
    shutil.copytree(prepared(), directory, symlinks=True)
    return Bsdvirt(directory), sim_view(directory)


def facts(view: HostView) -> Facts:
    found = view.everything()
    found["files"] = {k: v for k, v in found["files"].items() if "/failed/" not in k}
    return found


def faults(kind: str) -> Iterator[str]:
    return (f"{kind}:{number}" for number in steps(kind))


def settled(driver: Bsdvirt, view: HostView, before: Facts, why: Result) -> None:
    """It runs and is attended to, or nothing of it is left; and either way goes on."""
    assert "problem" not in driver.ok("doctor").stdout, why
    (row,) = driver.json("ls")
    if row["state"] == "running":
        assert driver.json("info", "web")["supervisor_pid"], why
    else:
        assert not differences(before, facts(view)), why
    driver.ok("start", "web")
    driver.ok("stop", "web", "--force")
    assert not differences(before, facts(view)), why


@pytest.mark.parametrize("kind", ["kill-before", "kill-after", "fail"])
def test_start(kind: str, world: Path) -> None:
    for fault in faults(kind):
        driver, view = fresh(world, fault.replace(":", ""))
        before = facts(view)
        with driver.faulty(fault):
            result = driver("start", "web")
        if result.status == 0:
            assert not fault.endswith(":1"), result
            end_all(world / fault.replace(":", ""))
            return
        if kind == "fail":
            assert result.status == 1, result
            assert not differences(before, facts(view)), result
        else:
            driver.ok("doctor", "--repair")
        settled(driver, view, before, result)
        shutil.rmtree(world / fault.replace(":", ""))
    pytest.fail("there is no end of steps")


@pytest.mark.parametrize("kind", ["kill-before", "kill-after", "fail"])
def test_stop(kind: str, world: Path) -> None:
    for fault in faults(kind):
        driver, view = fresh(world, fault.replace(":", ""))
        before = facts(view)
        driver.ok("start", "web")
        with driver.faulty(fault):
            result = driver("stop", "web", "--timeout", "5")
        if result.status == 0:
            assert not fault.endswith(":1"), result
            return
        driver.ok("doctor", "--repair")
        settled(driver, view, before, result)
        shutil.rmtree(world / fault.replace(":", ""))
    pytest.fail("there is no end of steps")
