"""The command line of the UI: verbs, completion, mistakes, history."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, drive, made

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


def tags(ui: Ui, name: str) -> tuple[str, ...]:
    """Return the tags of a guest on the host."""
    rows = ui.app.store.guests()
    return next(tuple(guest.row.tags) for guest in rows if guest.row.name == name)


@SIZES
def test_a_verb_is_completed_and_run(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("colon")
        await ui.sees("VERB")
        await ui.type("sta")
        await ui.sees("start ", "stats ")
        await ui.type("r")
        await ui.press("tab")
        await ui.sees("GUEST", ":start")
        await ui.type("d")
        await ui.press("tab")
        await ui.sees(":start db")
        await ui.press("enter")
        await ui.until(lambda: "running" in ui.line(" db "), "db does not run")
        # The line is in the history.
        await ui.press("colon", "up")
        await ui.sees(":start db")

    drive(sim, flow, size=size)


def test_a_mistake_is_shown_and_the_line_stays(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("colon")
        await ui.type("strat web")
        await ui.press("enter")
        await ui.sees("no verb 'strat'", ":strat web")
        await ui.press(*["backspace"] * 9)
        await ui.type("start --bogus")
        await ui.press("enter")
        await ui.sees("--bogus", "bsdvirt start --help")
        await ui.press("escape")
        await ui.misses("--bogus")

    drive(sim, flow)


def test_names_of_networks_and_properties_are_offered(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("colon")
        await ui.type("network set ")
        await ui.sees("private")
        await ui.type("private na")
        await ui.press("tab")
        await ui.sees(":network set private nat=")
        await ui.press("escape", "colon")
        await ui.type("set web limits.memoryu")
        await ui.press("tab")
        await ui.sees(":set web limits.memoryuse")

    drive(sim, flow)


def test_an_action_asks_for_the_words_that_are_missing(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("t")
        await ui.sees(":tag db", "TAG")
        await ui.type("prod")
        await ui.press("enter")
        await ui.until(lambda: "prod" in tags(ui, "db"), "db is not tagged")

    drive(sim, flow)


def test_a_read_only_ui_refuses_what_changes(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("colon")
        await ui.type("start db")
        await ui.press("enter")
        await ui.sees("opened with --read-only", ":start db")
        await ui.press("escape", "x")
        await ui.sees("--read-only")
        assert "running" in ui.line(" web ")

    drive(sim, flow, read_only=True)
