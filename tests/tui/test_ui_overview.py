"""The overview: guests, cursor, filter, start and stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made, rows

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


@SIZES
def test_guests_are_listed_and_can_be_started(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web", "db", "old", "win")
        assert rows(ui, ["web", "db", "old", "win"]) == ["db", "old", "web", "win"]
        assert "running" in ui.line(" web ")
        assert "stopped" in ui.line(" db ")
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" db "), "db does not run")

    drive(sim, flow, size=size)


def test_guests_made_elsewhere_appear_and_those_gone_vanish(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("old")
        await ui.press("down")
        cli(sim, "create", "jail", "new")
        await ui.sees("new")
        cli(sim, "destroy", "--yes", "db")
        await ui.misses(" db ")
        # The cursor has stayed on its guest, though its line is another one now.
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" old "), "old does not run")

    drive(sim, flow)


def test_the_filter_shows_what_matches(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("slash")
        await ui.type("we")
        await ui.misses(" old ")
        await ui.press("enter")
        assert "web" in ui.screen

    drive(sim, flow)
