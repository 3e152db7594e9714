"""The views of networks, storage and the library."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


@SIZES
def test_networks_show_their_guests_and_addresses(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path, "expose", "web", "tcp:8080:80")

    async def flow(ui: Ui) -> None:
        ui.app.show_view("networks")
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
        ui.app.show_view("networks")
        await ui.sees("10.77.0.3/24")
        await ui.press("down", "down", "down")
        ui.app.show_view("guests")
        await ui.misses("10.77.0.3/24")
        ui.app.show_view("networks")
        await ui.sees("10.77.0.3/24")
        assert [one.name for one in ui.app.selected()] == ["old"]

    drive(sim, flow)


def test_a_network_that_is_down_says_why(tmp_path: Path) -> None:
    sim = made(tmp_path)
    cli(sim, "network", "create", "lab", "--address", "10.99.0.1/24")
    ifconfig(sim, "bvbr1", "destroy")

    async def flow(ui: Ui) -> None:
        ui.app.show_view("networks")
        await ui.sees(" lab ")
        assert "down" in ui.line(" lab ")
        await ui.sees("bvbr1 does not exist")

    drive(sim, flow)


def ifconfig(sim: Path, *words: str) -> None:
    """Run ifconfig(8) on the simulated host."""
    from bsdvirt.host import tools
    from bsdvirt.host.interrupt import Interrupt
    from bsdvirt_sim import SimHost

    SimHost(str(sim), Interrupt()).run((tools.IFCONFIG, *words), changes=True).check()


def test_a_host_that_does_not_answer_keeps_its_rows_and_is_named(tmp_path: Path) -> None:
    sim = made(tmp_path)
    file = sim / "root/usr/local/etc/bsdvirt/bsdvirt.yaml"
    right = file.read_text()

    async def flow(ui: Ui) -> None:
        ui.app.show_view("networks")
        await ui.sees("10.77.0.3/24")
        file.write_text("pool: [")
        await ui.sees("bsdvirt.yaml: line")
        assert "10.77.0.3/24" in ui.screen
        file.write_text(right)
        await ui.misses("bsdvirt.yaml: line")

    drive(sim, flow)
