"""Finding actions: palette, help, menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, drive, made

from bsdvirt.tui.actions.here import likeness
from bsdvirt.tui.widgets.table import LiveTable

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


def test_likeness_prefers_beginnings_then_words_then_letters() -> None:
    order = ["start", "restart", "boot as at start", "set to art"]
    scores = [likeness("start", one) for one in order]
    assert scores[0] == 0
    assert likeness("sta", "Boot status") < likeness("sta", "Set a tag")  # type: ignore[operator]
    assert likeness("xyz", "start") is None


@SIZES
def test_the_palette_finds_actions_and_guests(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("ctrl+p")
        await ui.type("go to web")
        await ui.sees("Go to web")
        await ui.press("enter")
        await ui.press("ctrl+p")
        # The cursor is on web, which runs: it can be stopped, not started.
        await ui.type("start")
        await ui.sees("web is running")
        assert " Start " in ui.line("web is running")
        await ui.press(*["backspace"] * 5)
        await ui.type("stop")
        await ui.press("enter")
        await ui.until(lambda: "stopped" in ui.line(" web "), "web is not stopped")

    drive(sim, flow, size=size)


@SIZES
def test_help_is_of_the_place_and_says_why_not(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("question_mark")
        await ui.sees("The cursor is on db", "Power", "Start the guests", "not now: db is stopped")
        for _ in range(12):
            if "right click" in ui.screen:
                break
            await ui.press("pagedown")
        await ui.sees("Mouse", "right click")
        await ui.press("escape")
        await ui.misses("right click")
        await ui.press("3", "question_mark")
        await ui.sees("Create a network")
        assert "Pause virtual machines" not in ui.screen

    drive(sim, flow, size=size)


def test_the_menu_of_a_row(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        line = next(index for index, text in enumerate(ui.lines) if " web " in text)
        # The right button: Pilot of Textual 6.6 has the left one only.
        await ui.pilot.click(offset=(10, line))
        ui.app.main.view.table.post_message(LiveTable.Menu(10, line))
        await ui.sees("Power", "Console", "web is running")
        await ui.press("j", "enter")
        await ui.until(lambda: "stopped" in ui.line(" web "), "web is not stopped")
        # By the keyboard.
        await ui.press("full_stop")
        await ui.sees("Power")
        await ui.press("escape")
        await ui.misses("Power")

    drive(sim, flow)


@SIZES
def test_the_footer_has_what_matters_and_how_to_find_the_rest(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web", "s Start", "? Help")
        # The cursor is on db, which is stopped.
        assert "c Console" not in ui.lines[-1] or size == WIDE
        await ui.press("down", "down")
        await ui.until(lambda: "x Stop" in ui.lines[-1] and "c Console" in ui.lines[-1])
        await ui.press("p")
        await ui.until(lambda: "plan first" in ui.lines[-1])
        assert "? Help" in ui.lines[-1]

    drive(sim, flow, size=size)
