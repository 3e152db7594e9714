"""The scenarios of tests/sim on this machine, as root: see conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scenario_all import SCENARIOS
from scenario_driver import Bsdvirt
from scenario_hosts import Entry, clean, play, real_world
from scenario_view import HostView

World = tuple[Bsdvirt, HostView]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with real_world() as made:
        yield made


@pytest.mark.parametrize(
    "entry", [e for e in SCENARIOS if not e.sim_only], ids=lambda entry: entry.name
)
def test_on_this_host(entry: Entry, world: World) -> None:
    driver, view = world
    try:
        play(entry, driver, view)
    except BaseException:
        driver("doctor", "--repair")
        clean(driver)
        raise
