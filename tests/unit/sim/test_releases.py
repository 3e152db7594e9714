"""Which release a simulated host is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bsdvirt.host import tools
from bsdvirt_sim import SimHost
from bsdvirt_sim.releases import NEWEST, RELEASES, VARIABLE
from bsdvirt_sim.state import Process


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


def jails_of_ps(host: SimHost, *words: str) -> set[int]:
    shown = host.run((tools.PS, "--libxo", "json", *words, "jid"), changes=False).stdout
    rows = json.loads(shown)["process-information"]["process"]
    return {int(row["jail-id"]) for row in rows}


@pytest.mark.parametrize("release", RELEASES)
def test_what_ps_selects(release: str, tmp_path: Path) -> None:
    """ps.c: -J with -a is the jail's processes up to 13, and all of them from 14 on."""
    host = SimHost(tmp_path, release=release)
    for name in ("a", "b"):
        host.settings.add_jail(name, f"/{name}")
    with host.change() as state:
        for jid, jail in state.jails.items():
            jail.processes.append(Process(1000 + jid, "/usr/sbin/cron -s"))
    assert jails_of_ps(host, "-J", "a", "-wwo") == {1}
    assert jails_of_ps(host, "-axwwo") == {0, 1, 2}
    wide = jails_of_ps(host, "-J", "a", "-axwwo")
    assert wide == ({0, 1, 2} if RELEASES[release].ps_widens else {1})


@pytest.mark.parametrize("release", RELEASES)
def test_the_mtu_of_a_bridge_and_its_members(release: str, tmp_path: Path) -> None:
    """captures/02 and 11, if_bridge.c: member by member, or the bridge and all with it."""
    host = SimHost(tmp_path, release=release)

    def do(*words: str) -> int:
        return host.run((tools.IFCONFIG, *words), changes=True).status

    def mtus() -> list[str]:
        shown = (host.run((tools.IFCONFIG, n), changes=False).stdout for n in ("bridge1", "tap1"))
        return [text.split(" mtu ")[1].split()[0] for text in shown]

    assert not do("bridge1", "create")
    assert not do("tap1", "create")
    assert not do("bridge1", "addm", "tap1")
    follows = RELEASES[release].bridge_sets_members
    assert do("tap1", "mtu", "1400") == (1 if follows else 0)
    assert not do("bridge1", "mtu", "1400")
    assert mtus() == ["1400", "1400"]
    assert do("bridge1", "mtu", "1300") == (0 if follows else 1)
    assert not do("tap2", "create")
    assert do("bridge1", "addm", "tap2") == (0 if follows else 1)


def test_addresses_of_members_may_be_forbidden(tmp_path: Path) -> None:
    host = SimHost(tmp_path, release="15.1")

    def do(*argv: str) -> str:
        return host.run(argv, changes=True).stderr

    do(tools.IFCONFIG, "bridge1", "create")
    do(tools.IFCONFIG, "tap1", "create")
    do(tools.IFCONFIG, "tap2", "create", "inet", "10.9.0.2/24")
    assert not do(tools.SYSCTL, "net.link.bridge.member_ifaddrs=0")
    assert not do(tools.IFCONFIG, "bridge1", "addm", "tap1")
    refused = do(tools.IFCONFIG, "bridge1", "addm", "tap2")
    assert "(Member interface may not have an IP address assigned)" in refused
    assert "Invalid argument" in do(tools.IFCONFIG, "tap1", "inet", "10.9.0.3/24")
