"""Recovery of a crashed operation by the next command, which is another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenario_driver import Bsdvirt, Result
from scenario_hosts import fast_directory
from scenario_view import HostView
from test_sim_crash import BOTH, CASES, NET, Case, Runs, run_again


@pytest.mark.parametrize("case", [c for c in CASES if not c.again], ids=lambda case: case.name)
@BOTH
def test_the_same_again_mends_a_kill(case: Case, kind: str) -> None:
    with fast_directory() as place:
        run_again(Runs(case, place), kind)


@BOTH
def test_no_guest_stands_on_half_a_network(kind: str, tmp_path: Path) -> None:
    """Whoever uses a network whose making was cut short mends it first: what recovery
    takes away later must not be in use by then."""
    runs = Runs(Case("network create", NET), tmp_path)

    def check(driver: Bsdvirt, view: HostView, result: Result, fault: str) -> None:
        made = driver("create", "jail", "web", "--network", "lan")
        if made.status == 0:
            driver.ok("start", "web")
            driver.ok("doctor", "--repair")
            assert [row["name"] for row in driver.json("network", "ls")] == ["lan", "private"]
            network = driver.json("network", "info", "lan")
            assert network["state"] == "up"
            assert len(network["members"]) == 1
            driver.ok("exec", "web", "--", "ping", "-c1", "10.79.1.1")
        else:
            assert made.status == 2, made
            assert "no network lan" in made.stderr
            driver.ok("doctor", "--repair")
        assert "problem" not in driver.ok("doctor").stdout
        assert not view.journals()

    runs.each(kind, check)


@BOTH
def test_no_guest_is_made_of_half_a_release(kind: str, tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "release add")
    runs = Runs(case, tmp_path)

    def check(driver: Bsdvirt, view: HostView, result: Result, fault: str) -> None:
        made = driver("create", "jail", "web", "--start")
        assert made.status in (0, 3), made
        driver.ok("doctor", "--repair")
        assert "problem" not in driver.ok("doctor").stdout
        assert not view.journals()
        if made.status == 0:
            assert driver.ok("exec", "web", "--", "hostname").stdout == "web\n"
            assert [row["complete"] for row in driver.json("release", "ls")] == [True]

    runs.each(kind, check)
