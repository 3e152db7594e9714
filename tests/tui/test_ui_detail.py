"""The detail of a guest: beside the table or instead of it, its tabs, and what they act on."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


async def tab(ui: Ui, name: str) -> None:
    """Go to a tab by its key."""
    for _ in range(12):
        if ui.app.main.detail.tab.title == name:
            return
        await ui.press("right_square_bracket")
    raise AssertionError(f"no tab {name}: {ui.screen}")


@SIZES
def test_a_guest_is_shown_in_full_and_esc_goes_back(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("end", "up", "enter")
        await ui.sees("Summary", "10.77.0.2/24", "zroot/bsdvirt/guests/web", "jail ID")
        beside = size == WIDE
        assert bool(ui.line(" db ")) == beside
        await tab(ui, "Config")
        await ui.sees("TAKES HOLD", "nics.0.address")
        assert "15.1-RELEASE" in ui.line(" release ")
        assert "fixed" in ui.line(" release ")
        await ui.press("escape")
        await ui.misses("TAKES HOLD")
        # One is where one was.
        await ui.press("x")
        await ui.until(lambda: "stopped" in ui.line(" web "), "web still runs")

    drive(sim, flow, size=size)


def test_the_detail_follows_the_cursor_unless_it_is_pinned(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web", "old")
        await ui.press("enter")
        await ui.sees("guests/db")
        await ui.press("down")
        await ui.sees("guests/old")
        await ui.misses("guests/db")
        await ui.press("v", "down")
        await ui.sees("pinned")
        await ui.pilot.pause(0.4)
        assert "guests/old" in ui.screen

    drive(sim, flow, size=WIDE)


def test_why_the_last_start_failed_is_seen_at_one_key(tmp_path: Path) -> None:
    sim = made(tmp_path)
    loader = sim / "root/usr/local/share/uefi-firmware/BHYVE_UEFI_CODE.fd"
    loader.unlink(missing_ok=True)

    async def flow(ui: Ui) -> None:
        await ui.sees("win")
        await ui.press("end", "s")
        await ui.until(lambda: "failed" in ui.line(" win "), "win has not failed")
        await ui.press("enter")
        await ui.sees("The last start failed:", "there is no UEFI firmware")

    drive(sim, flow)


@SIZES
def test_disks_are_listed_and_removed(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path, "disk", "add", "win", "data", "--size", "2G")

    async def flow(ui: Ui) -> None:
        await ui.sees("win")
        await ui.press("end", "enter")
        await ui.sees("size")
        await tab(ui, "Devices")
        await ui.sees("disk0", "data", "2G")
        if size == WIDE:
            await ui.press("enter")
        await ui.press("end")
        await ui.sees("d Remove")
        await ui.press("d")
        await ui.misses("data")
        await ui.press("escape")

    drive(sim, flow, size=size)
    assert "data" not in cli(sim, "disk", "ls", "win")


def test_enter_on_a_property_opens_its_form(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("end", "up", "enter")
        await ui.sees("jail ID")
        await tab(ui, "Config")
        await ui.sees("hostname")
        await ui.press("slash")
        await ui.type("hostname")
        await ui.press("enter")
        await ui.misses("nics.0.address")
        await ui.press("enter")
        await ui.sees("web: hostname", "next start", "review")

    drive(sim, flow)


def test_mounts_interfaces_and_processes_of_a_jail(tmp_path: Path) -> None:
    sim = made(tmp_path, "expose", "web", "tcp:8080:80")

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("end", "up", "enter")
        await ui.sees("jail ID")
        await tab(ui, "Mounts")
        await ui.sees("devfs", "/dev")
        await tab(ui, "Network")
        await ui.sees("10.77.0.2/24", "private", "tcp 8080", "port 80")
        await tab(ui, "Processes")
        await ui.sees("/usr/sbin/syslogd")

    drive(sim, flow)


def test_a_property_of_a_hostile_file_is_shown_harmless(tmp_path: Path) -> None:
    sim = made(tmp_path)
    file = sim / "root/bsdvirt/guests/web/guest.yaml"
    file.write_text(file.read_text() + 'description: "[bold red]a\\u202eb"\n')

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("end", "up", "enter")
        await ui.sees("[bold red]a\\u202eb")
        assert "\u202e" not in ui.screen

    drive(sim, flow)


def test_snapshots_are_listed_held_and_removed(tmp_path: Path) -> None:
    sim = made(tmp_path)
    cli(sim, "snapshot", "create", "db@first", "--note", "before")

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("enter")
        await tab(ui, "Snapshots")
        await ui.sees("HELD BY", "first", "manual")
        ui.app.main.detail.take_keys()
        await ui.press("h")
        await ui.until(lambda: "bsdvirt" in ui.line("first"), "it is not held")
        await ui.press("d")
        await ui.until(lambda: "bsdvirt" not in ui.line("first"), "it is still held")

    drive(sim, flow, size=WIDE)
