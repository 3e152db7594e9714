"""Every scenario on a simulated host of its own."""

from __future__ import annotations

import pytest
from scenario_all import SCENARIOS
from scenario_hosts import Entry, play, sim_world


@pytest.mark.parametrize("entry", SCENARIOS, ids=lambda entry: entry.name)
def test_on_the_simulated_host(entry: Entry) -> None:
    with sim_world(bare=entry.bare) as (driver, view):
        play(entry, driver, view)
