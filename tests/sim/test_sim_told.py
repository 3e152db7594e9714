"""Messages after a command that succeeded in part, or failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


class Tool:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self("init", "--pool", "tank")
        self("release", "add", "/usr/freebsd-dist")

    def __call__(self, *words: str, status: int = 0) -> str:
        return self._run(("-m", "bsdvirt", "--sim", str(self.directory), *words), status)

    def raw(self, *words: str) -> str:
        return self._run(("-m", "bsdvirt_sim.tool", str(self.directory), *words), 0)

    def _run(self, words: tuple[str, ...], status: int) -> str:
        done = subprocess.run(
            (sys.executable, *words), cwd=REPOSITORY, capture_output=True, text=True
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return Tool(tmp_path / "host")


def test_a_jail_without_an_address_is_told_at_once(tool: Tool) -> None:
    tool("network", "create", "bare", "--address", "10.99.0.1/24")
    said = tool("create", "jail", "web", "--network", "bare")
    assert "web: note: no address: network bare has no pool" in said
    assert "bsdvirt set web nics.0.address=ADDRESS/LENGTH, or =dhcp" in said
    for name, address in (("one", "10.99.0.9/24"), ("two", "none"), ("three", "dhcp")):
        words = ("create", "jail", name, "--network", "bare", "--address", address)
        assert "no address" not in tool(*words)


def test_an_interface_without_an_address_is_told_when_it_is_added(tool: Tool) -> None:
    tool("network", "create", "bare", "--address", "10.99.0.1/24")
    tool("create", "jail", "web")
    said = tool("nic", "add", "web", "--network", "bare")
    assert "web: note: no address: network bare has no pool" in said
    assert "nics.1.address=ADDRESS/LENGTH" in said
    assert "no address" not in tool("set", "web", "description=x")


def test_a_time_zone_that_the_release_lacks_is_told_when_it_is_asked_for(tool: Tool) -> None:
    said = tool("create", "jail", "web", "timezone=Nowhere/Atall")
    assert "note: timezone: its root has no /usr/share/zoneinfo/Nowhere/Atall" in said


def test_who_runs_on_without_a_stopped_guest(tool: Tool) -> None:
    tool("create", "jail", "db", "--start")
    tool("create", "jail", "app", "boot.after=db", "--start")
    assert "db: note: app may need it" in tool("stop", "db")
    tool("start", "db")
    assert "may need it" not in tool("stop", "db", "app")
    assert "may need it" not in tool("stop", "db")


def test_a_main_command_that_ends_says_what_it_printed_and_one_hint(tool: Tool) -> None:
    said = tool("create", "jail", "api", "run=/nonexist/x", "--start", status=1)
    assert said.startswith("bsdvirt: api: its main command ended with exit status 127 at once;")
    assert "it printed: " in said and "not found" in said
    assert said.count("bsdvirt logs api") == 1
    assert "api is created" in said


def test_the_uplinks_own_address_is_taken_by_take_address(tool: Tool) -> None:
    said = tool("network", "create", "lan", "--uplink", "vtnet0", "--address", "10.0.2.15/24",
                status=4)  # fmt: skip
    assert "bsdvirt network create lan --uplink vtnet0 --take-address" in said


def test_the_default_route_outlives_an_alias_of_its_interface(tool: Tool) -> None:
    tool("create", "jail", "old", "--shared", "vtnet0", "--address", "10.0.2.77/24", "--start")
    tool("stop", "old")
    assert "10.0.2.2" in tool.raw("/sbin/route", "-n", "get", "default")


def test_a_lease_is_shown_as_any_other_address(tool: Tool) -> None:
    tool("network", "create", "lan", "--uplink", "vtnet0", "--take-address")
    tool("network", "confirm", "lan")
    said = tool("create", "jail", "dh", "--network", "lan", "--address", "dhcp", "--start")
    assert "started at 10.0.2." in said
    assert "/24" not in said
