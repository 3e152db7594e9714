"""Which release a simulated host is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bsdvirt.host import tools
from bsdvirt.host.sim import SimHost
from bsdvirt.host.sim.releases import NEWEST, RELEASES, VARIABLE


def version(host: SimHost) -> str:
    return host.run((tools.FREEBSD_VERSION, "-k"), changes=False).stdout.strip()


@pytest.mark.parametrize("name", RELEASES)
def test_a_host_stays_the_release_that_it_was_made_as(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, name)
    assert re.match(re.escape(name) + r"-RELEASE(-p\d+)?$", version(SimHost(tmp_path)))
    for other in RELEASES:
        monkeypatch.setenv(VARIABLE, other)
        assert version(SimHost(tmp_path)).startswith(f"{name}-")


def test_a_new_host_is_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert version(SimHost(tmp_path)).startswith(f"{NEWEST}-")


def test_a_release_that_is_not_simulated_makes_no_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "12.4")
    with pytest.raises(ValueError, match=r"BSDVIRT_SIM_RELEASE=12\.4: .* 13\.2, 15\.1"):
        SimHost(tmp_path)
    assert not (tmp_path / "state.json").exists()
