"""The stop of a jail with a main command, killed at every step: a host of its own for each,
as what runs cannot be copied."""

from __future__ import annotations

from functools import partial

import pytest
from scenario_driver import wait_for
from scenario_hosts import sim_world
from scenario_main import LONG, lives
from scenario_view import assert_same

MOST_STEPS = 30


def _has_ended(pid: int) -> bool:
    return not lives(pid)


@pytest.mark.parametrize("again", [("stop", "t1"), ("doctor", "--repair")], ids=lambda w: w[0])
@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
def test_a_stop_that_is_killed_is_finished(kind: str, again: tuple[str, ...]) -> None:
    with sim_world() as (driver, view):
        driver.ok("create", "jail", "t1", f"run={LONG}", "restart.policy=always",
                  "resolver.mode=keep")  # fmt: skip
        before = view.everything()
        for number in range(1, MOST_STEPS):
            driver.ok("start", "t1")
            pid = driver.json("info", "t1")["main"]["pid"]
            with driver.faulty(f"{kind}:{number}"):
                result = driver("stop", "t1")
            if result.status == 0:
                assert number > 4, "no step was hit"
                break
            assert result.status == -9, result
            driver.ok(*again)
            if again[0] == "doctor" and lives(pid):
                # It was not yet committed to: all is as it was.
                assert driver.json("info", "t1")["main"]["watched"], result
                driver.ok("stop", "t1")
            wait_for(partial(_has_ended, pid), 5)
            assert_same(before, view.everything(), f"{kind}:{number}")
        else:
            raise AssertionError("a step is still hit")
