"""A guest's console log in the detail: followed, searched, harmless, and of bounded cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, drive, made

from bsdvirt.tui.detail.lines import TextLines

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])


def _log(sim: Path, guest: str = "web") -> Path:
    return sim / f"root/var/log/bsdvirt/{guest}/console.log"


async def _open(ui: Ui) -> None:
    await ui.sees("web")
    await ui.press("end", "up", "l")


@SIZES
def test_a_console_is_followed_across_rotation(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)
    log = _log(sim)

    async def flow(ui: Ui) -> None:
        await _open(ui)
        await ui.sees("Starting cron.")
        with log.open("a") as stream:
            stream.write("a line, and half")
        await ui.sees("a line, and half")
        with log.open("a") as stream:
            stream.write(" another\n")
        await ui.sees("half another")
        log.with_name("console.log.0").write_bytes(log.read_bytes() + b"the last of the old\n")
        log.write_text("the first of the new\n")
        await ui.sees("the last of the old", "the first of the new")
        assert "missing" not in ui.screen

    drive(sim, flow, size=size)


def test_a_hostile_console_is_shown_harmless(tmp_path: Path) -> None:
    sim = made(tmp_path)
    with _log(sim).open("ab") as stream:
        stream.write(b"\x1b[2J\x1b]0;title\x07clear\x1b[31mred [bold]markup[/] \xe2\x80\xaebidi\n")
        stream.write(b"\x9b31m \x0e\xff and 8 bit\n" + b"\xe4\xb8\xad" * 50 + b"wide\n")

    async def flow(ui: Ui) -> None:
        await _open(ui)
        await ui.sees("clearred [bold]markup[/] \\u202ebidi", "and 8 bit", "wide")
        assert "title" not in ui.screen
        assert not any(char in ui.screen for char in "\x1b\x07\x0e\x9b\u202e")
        assert all(len(line) <= 80 for line in ui.lines)

    drive(sim, flow)


def test_an_endless_line_costs_little(tmp_path: Path) -> None:
    sim = made(tmp_path)
    log = _log(sim)
    with log.open("ab") as stream:
        stream.truncate(100 << 20)
        stream.seek(100 << 20)
        stream.write(b"x" * 5000 + b"end")

    async def flow(ui: Ui) -> None:
        await _open(ui)
        await ui.sees("xxxend")
        with log.open("ab") as stream:
            for _ in range(20):
                stream.write(b"y" * (1 << 20))
            stream.write(b"stop")
        await ui.sees("yyystop")
        texts = ui.app.main.detail.tab.query_one(TextLines).texts
        assert sum(len(text) for text in texts) < 2 << 20
        await ui.press("x")
        await ui.until(lambda: _state(ui) == "stopped", "the UI does not answer")

    drive(sim, flow)


def _state(ui: Ui) -> str:
    return next(one.row.state for one in ui.app.store.guests() if one.row.name == "web")


def test_earlier_lines_are_read_and_searched(tmp_path: Path) -> None:
    sim = made(tmp_path)
    _log(sim).write_text("the very first\n" + "".join(f"line {n}\n" for n in range(3000)))

    async def flow(ui: Ui) -> None:
        await _open(ui)
        await ui.sees("line 2999")
        await ui.press("home")
        await ui.sees("line 2000")
        await ui.press("home")
        await ui.until(
            lambda: "the very first" in ui.app.main.detail.tab.query_one(TextLines).texts, "no more"
        )
        await ui.press("end", "slash")
        await ui.type("line 77")
        await ui.press("enter")
        await ui.sees("line 779")
        await ui.press("n")
        await ui.sees("line 778")
        await ui.press("escape")
        await ui.sees("old")

    drive(sim, flow)


def test_a_console_is_watched_beside_the_table(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("end", "up", "L")
        await ui.sees("pinned", "Starting cron.")
        await ui.press("home", "s")
        await ui.until(lambda: "running" in ui.line(" db "), "db does not run")
        assert "Starting cron." in ui.screen

    drive(sim, flow, size=WIDE)


@SIZES
def test_graphs_of_the_last_minutes(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("end", "up", "enter")
        await ui.sees("Summary")
        for _ in range(9):
            if ui.app.main.detail.tab.title == "Graphs":
                break
            await ui.press("right_square_bracket")
        await ui.sees("CPU, of one", "memory", "disk written", "top")
        await ui.until(lambda: "M" in ui.line("memory  "), "no memory")

    drive(sim, flow, size=size)
