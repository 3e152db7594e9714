"""Every scenario on a simulated host of its own: of the newest release, and those that depend
on the release on each."""

from __future__ import annotations

import pytest
from scenario_all import SCENARIOS
from scenario_hosts import Entry, play, sim_world

from bsdvirt_sim.releases import RELEASES, chosen

CASES = [
    pytest.param(entry, release, id=f"{entry.name}-{release}")
    for entry in SCENARIOS
    for release in RELEASES
    if entry.each_release or release == chosen().version
]


@pytest.mark.parametrize(("entry", "release"), CASES)
def test_on_the_simulated_host(entry: Entry, release: str) -> None:
    with sim_world(bare=entry.bare, release=release) as (driver, view):
        play(entry, driver, view)
