"""The views of networks, storage and the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from test_ui_hosts import two
from uitest import REPOSITORY, SMALL, WIDE, Ui, cli, drive, made

IFCONFIG, ZFS = "/sbin/ifconfig", "/sbin/zfs"
SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


def tool(sim: Path, *argv: str) -> None:
    """Run a tool of the base system on the simulated host."""
    words = (sys.executable, "-m", "bsdvirt_sim.tool", str(sim), *argv)
    subprocess.run(words, cwd=REPOSITORY, check=True)


@SIZES
def test_networks_show_their_guests_and_addresses(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path, "expose", "web", "tcp:8080:80")

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("private", "10.77.0.1/24", "tcp:8080:80 web")
        assert "up" in ui.line(" private ")
        assert "4/253" in ui.line(" addresses ")
        assert "running" in ui.line(" web ")
        assert "10.77.0.3/24" in ui.line(" db ")
        assert "active" in ui.line("tcp:8080:80 web")
        await ui.press("left")
        await ui.misses(" db ")
        await ui.press("right")
        await ui.sees(" db ")

    drive(sim, flow, size=size)


def test_a_view_keeps_its_cursor_and_what_is_open(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("10.77.0.3/24")
        await ui.press("down", "down", "down")
        await ui.press("1")
        await ui.misses("10.77.0.3/24")
        await ui.press("3")
        await ui.sees("10.77.0.3/24")
        assert [one.name for one in ui.app.selected()] == ["old"]

    drive(sim, flow)


def test_a_network_that_is_down_says_why(tmp_path: Path) -> None:
    sim = made(tmp_path)
    cli(sim, "network", "create", "lab", "--address", "10.99.0.1/24")
    tool(sim, IFCONFIG, "bvbr1", "destroy")

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees(" lab ")
        assert "down" in ui.line(" lab ")
        await ui.sees("bvbr1 does not exist")

    drive(sim, flow)


def test_a_host_that_does_not_answer_keeps_its_rows_and_is_named(tmp_path: Path) -> None:
    sim = made(tmp_path)
    file = sim / "root/usr/local/etc/bsdvirt/bsdvirt.yaml"
    right = file.read_text()

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees("10.77.0.3/24")
        file.write_text("pool: [")
        await ui.sees("bsdvirt.yaml: line")
        assert "10.77.0.3/24" in ui.screen
        file.write_text(right)
        await ui.misses("bsdvirt.yaml: line")

    drive(sim, flow)


@SIZES
def test_who_fills_the_pool(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)
    tool(sim, ZFS, "set", "refreservation=1G", "zroot/bsdvirt/guests/win/disk0")

    async def flow(ui: Ui) -> None:
        await ui.press("4")
        await ui.sees("ONLINE")
        # The one that takes the most is the first below its pool.
        first, second = ui.lines[3:5]
        assert "zroot" in first
        assert "win" in second
        assert "1G" in second
        assert "release" in ui.line("  15.1-RELEASE ")
        await ui.press("down", "right")
        await ui.sees("disk0")
        assert "zvol" in ui.line("disk0")
        await ui.press("slash")
        await ui.type("kind:jail")
        await ui.press("enter")
        await ui.misses("disk0", " media ")
        await ui.sees(" web ", " db ")

    drive(sim, flow, size=size)


def test_a_dataset_of_no_guest_is_shown_with_why(tmp_path: Path) -> None:
    sim = made(tmp_path)
    tool(sim, ZFS, "create", "zroot/bsdvirt/guests/left")

    async def flow(ui: Ui) -> None:
        await ui.press("4")
        await ui.sees("guests/left")
        assert "stray" in ui.line("guests/left")
        await ui.sees("no bsdvirt:guest")

    drive(sim, flow, size=WIDE)


def test_what_is_changed_elsewhere_is_seen_at_once_when_asked_for(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("4")
        await ui.sees("ONLINE")
        tool(sim, ZFS, "create", "zroot/bsdvirt/backup")
        await ui.press("ctrl+r")
        await ui.sees("zroot/bsdvirt/backup")

    drive(sim, flow)


def test_all_hosts_are_in_one_view(tmp_path: Path) -> None:
    here, _, source = two(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("3")
        await ui.sees(" mail ", " web ", "this host")
        assert " b " in ui.line(" mail ")
        await ui.press("4")
        await ui.until(lambda: sum("ONLINE" in line for line in ui.lines) == 2, "one pool")
        (tmp_path / "b.down").touch()
        await ui.press("ctrl+r")
        await ui.sees("b: ")
        assert sum("ONLINE" in line for line in ui.lines) == 2

    drive(here, flow, size=WIDE, others=[source])
