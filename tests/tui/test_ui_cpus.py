"""The view of CPUs: the map, who uses a CPU, the guests with their sets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast

import pytest
from fakessh import fake_ssh
from uitest import SMALL, WIDE, Ui, bare, cli, drive, made

from bsdvirt.cpu.shares import Placed, cpu_map
from bsdvirt.cpu.topology import topology
from bsdvirt.facts.cpus.topology import TopologyFacts
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.feed.ssh import SshSource
from bsdvirt.tui.forms.open import open_property_form
from bsdvirt.tui.views.cpus import CpusView, who
from bsdvirt_sim import SimHost

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


def ryzen(tmp_path: Path) -> Path:
    """Return a host with 16 CPUs: web runs on four of them, db on all, win has pins."""
    sim = made(tmp_path)
    SimHost(str(sim), Interrupt()).settings.set_machine("ryzen")
    cli(sim, "set", "web", "cpuset=0-3")
    cli(sim, "start", "db")
    cli(sim, "set", "old", "cpuset=8")
    return sim


@SIZES
def test_who_uses_a_cpu_is_seen_at_once(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees("AMD Ryzen 7 3700X", "L3", "a web", "CPU 0: core 0; guests web")
        assert "on all CPUs db" in ui.screen
        assert "0-3" in ui.line("a web")
        assert "all" in ui.line(" db ")

    drive(sim, flow, size=size)


@SIZES
def test_the_cursor_of_the_map_says_who_uses_a_cpu(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees("guests web")
        await ui.press("shift+tab", "right", "right", "right", "right")
        await ui.sees("CPU 4: core 2; no guest of its own")
        await ui.press("home")
        await ui.sees("CPU 0:")
        await ui.press("down")
        await ui.sees("CPU 4:" if size == SMALL else "CPU 1:")
        await ui.press("end")
        await ui.sees("CPU 15: core 7")
        view_of(ui).map.move_to(8)
        await ui.sees("CPU 8: core 4", "not running old")
        await ui.press("tab")
        assert view_of(ui).table.has_focus

    drive(sim, flow, size=size)


async def cell_of(ui: Ui, cpu: int) -> tuple[int, re.Match[str]]:
    """Return the line and the place of a CPU, once its load is known."""
    for _ in range(100):
        cells = [re.search(rf"│ +{cpu} [▁-█ ]", line) for line in ui.lines]
        for row, cell in enumerate(cells):
            if cell is not None:
                return row, cell
        await ui.pilot.pause(0.1)
    raise AssertionError("\n".join(ui.lines))


def test_a_click_on_a_cpu_says_who_uses_it(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees("guests web")
        row, cell = await cell_of(ui, 9)
        await ui.pilot.click(None, offset=(cell.end() - 3, row))
        await ui.sees("CPU 9: core 4")

    drive(sim, flow, size=WIDE)


def test_the_filter_finds_the_guests_of_a_cpu(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees(" web", " old ", " win ")
        await ui.press("slash")
        await ui.type("cpu:3")
        await ui.press("enter")
        await ui.until(lambda: "old" not in shown(ui))
        assert shown(ui) == ["db", "web", "win"]

    drive(sim, flow)


def test_a_cpu_that_a_guest_has_for_itself_or_that_is_reserved() -> None:
    host = topology(TopologyFacts(4, 3, 1))
    shown = cpu_map(host, [
        Placed("db", "vm", "running", True, (1,), claimed=(1,), owns=True),
        Placed("off", "jail", "stopped", False, (2,), claimed=(2,), owns=True),
        Placed("web", "jail", "running", True, (3,)),
    ], [], reserved=(0,))  # fmt: skip
    assert [who(shown, cpu) for cpu in range(4)] == [
        "CPU 0: core 0; reserved for the host",
        "CPU 1: core 1; db has it for itself",
        "CPU 2: core 2; off has it for itself; not running off",
        "CPU 3: core 3; no guest of its own; on all other CPUs web",
    ]


def view_of(ui: Ui) -> CpusView:
    return cast(CpusView, ui.app.main.views["cpus"])


def shown(ui: Ui) -> list[str]:
    return [row.subject.name for row in view_of(ui).table.visible_rows]


def test_changes_outside_are_seen(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees("0-3")
        cli(sim, "set", "web", "cpuset=12-13")
        await ui.sees("12-13")
        await ui.until(lambda: "guests web" not in ui.screen)
        cli(sim, "destroy", "--yes", "old")
        await ui.misses(" old ")

    drive(sim, flow)


def test_actions_act_on_the_guest_under_the_cursor(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees(" old ")
        await ui.press("down")
        assert [one.name for one in ui.app.selected()] == ["old"]
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" old "), "old does not run")

    drive(sim, flow)


def cpuset(sim: Path, name: str) -> object:
    """Return the property of a guest."""
    (found,) = [one for one in json.loads(cli(sim, "cpu", "map", "--json"))["guests"]
                if one["name"] == name]  # fmt: skip
    return found["cpuset"]


@SIZES
def test_cpus_of_a_guest_are_chosen_on_the_map(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees(" db ", "guests web")
        await ui.press("number_sign")
        await ui.sees("db: all CPUs (16)", "its core")
        await ui.press("right", "right", "right", "space")
        await ui.sees("db: 3 (1); also there: web")
        await ui.press("right", "c")
        await ui.sees("db: 3-5 (3)")
        await ui.press("end", "b")
        await ui.sees("db: 3-5,8-15 (11)")
        await ui.press("enter")
        await ui.until(lambda: cpuset(sim, "db") == "3-5,8-15")
        await ui.sees("3-5,8-15")

    drive(sim, flow, size=size)


def test_a_choice_can_be_left_and_all_cpus_clear_the_property(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees(" web", "guests web")
        await ui.press("end", "up", "number_sign")
        await ui.sees("web: 0-3 (4)")
        await ui.press("c", "escape")
        await ui.misses("its core")
        assert cpuset(sim, "web") == "0-3"
        await ui.press("number_sign")
        await ui.sees("web: 0-3 (4)")
        await ui.press("a")
        await ui.sees("web: all CPUs (16)")
        await ui.press("enter")
        await ui.until(lambda: cpuset(sim, "web") is None)

    drive(sim, flow)


def test_a_read_only_ui_chooses_nothing(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees(" web")
        await ui.press("number_sign")
        await ui.sees("read-only")
        assert "its core" not in ui.screen

    drive(sim, flow, read_only=True)


def test_fields_of_a_form_choose_cpus_on_the_map(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)
    cli(sim, "set", "win", "cpus=2")

    async def flow(ui: Ui) -> None:
        win = Subject("", "vm", "win", "stopped")
        open_property_form(ui.app, win, "cpuset")
        await ui.sees("^o: choose on the map")
        await ui.press("ctrl+o")
        await ui.sees("cpuset: all CPUs (16)")
        await ui.press("right", "right", "c", "enter")
        await ui.sees("2-3")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt set win cpuset=2-3")
        await ui.press("enter")
        await ui.until(lambda: cpuset(sim, "win") == "2-3")
        open_property_form(ui.app, win, "pins")
        await ui.sees("^o: choose on the map")
        await ui.press("ctrl+o")
        await ui.sees("virtual CPU 0: all CPUs")
        await ui.press("right", "right", "space", "enter")
        await ui.sees("0:2")
        await ui.press("ctrl+s")
        await ui.sees("bsdvirt set win pins=0:2")
        await ui.press("enter")
        await ui.until(lambda: "0:2" in cli(sim, "get", "win"))

    drive(sim, flow, size=WIDE)


def test_other_fields_choose_no_cpus(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        open_property_form(ui.app, Subject("", "jail", "web", "running"), "hostname")
        await ui.sees("hostname", "review")
        assert "^o" not in ui.screen
        await ui.press("ctrl+o")
        assert "its core" not in ui.screen

    drive(sim, flow)


def test_the_map_is_that_of_the_host_of_the_guest_under_the_cursor(tmp_path: Path) -> None:
    sim = ryzen(tmp_path)
    (tmp_path / "there").mkdir()
    bare(tmp_path / "there")
    there = (tmp_path / "there" / "sim").rename(tmp_path / "b")
    SimHost(str(there), Interrupt()).settings.set_machine("epyc")
    cli(there, "create", "jail", "mail", "cpuset=100")

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees("AMD Ryzen", " mail ", " web ")
        view = view_of(ui)
        view.table.go_to(("b", "mail"))
        await ui.sees("b: AMD EPYC 7713", "128 CPUs")
        await ui.press("number_sign")
        await ui.sees("mail: 100 (1)")
        await ui.press("right", "space", "enter")
        await ui.until(lambda: cpuset(there, "mail") == "100-101")

    drive(sim, flow, size=WIDE, others=[SshSource("b", ssh=fake_ssh(tmp_path))])


@SIZES
def test_256_cpus_can_be_scrolled(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)
    SimHost(str(sim), Interrupt()).settings.set_machine("large")

    async def flow(ui: Ui) -> None:
        await ui.press("2")
        await ui.sees("256 CPUs", " web ")
        await ui.press("shift+tab", "end")
        await ui.sees("CPU 255: core 127, domain 1, package 1")
        # The scroll bar covers no part of the drawing.
        box = next(line for line in ui.lines if "240-255" in line)
        assert "╮│" in box[box.index("240-255") :]

    drive(sim, flow, size=size)
