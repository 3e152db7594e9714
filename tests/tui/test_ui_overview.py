"""The overview: guests with figures, filters, marks, sorting, the lines of the hosts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from uitest import SMALL, WIDE, Ui, cli, drive, made, rows

from bsdvirt.tui.feed.local import LocalSource

SIZES = pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "160x48"])
EVERY = ["web", "db", "old", "win"]


@SIZES
def test_guests_are_listed_with_what_they_use_and_can_be_started(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    sim = made(tmp_path, "set", "web", "boot.auto=yes", "boot.order=7")

    async def flow(ui: Ui) -> None:
        await ui.sees(*EVERY)
        assert rows(ui, EVERY) == ["db", "old", "web", "win"]
        assert "stopped" in ui.line(" db ")
        # A rate takes two readings; what does not run uses nothing.
        await ui.until(lambda: re.search(r"running +\d+\.\d", ui.line(" web ")), "no CPU")
        assert re.search(r"stopped +- ", ui.line(" db "))
        assert "10.77.0.2" in ui.line(" web ")
        heading = ui.line("NAME")
        assert all(title in heading for title in ("STATE", "CPU%", "MEMORY", "DISK", "UPTIME"))
        wide = all(title in heading for title in ("NET IN", "OUT", "WRITE", "READ", "BOOT"))
        assert wide == (size == WIDE)
        if size == WIDE:
            assert re.search(r" 7 +\d+[smh]", ui.line(" web ")), "no order of boot, or no uptime"
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" db "), "db does not run")

    drive(sim, flow, size=size)


def test_a_reading_runs_as_many_commands_whatever_the_number_of_guests(tmp_path: Path) -> None:
    sim = made(tmp_path)
    source = LocalSource(str(sim), read_only=True)
    ran: list[str] = []
    run = source.host.run
    source.host.run = lambda argv, **options: ran.append(argv[0]) or run(argv, **options)  # type: ignore[method-assign, func-returns-value]

    def count() -> int:
        # What is new of a guest is read once, with the first reading.
        source.tick()
        ran.clear()
        assert source.tick().sample is not None
        return len(ran)

    before = count()
    cli(sim, "start", "db", "old")
    assert count() == before
    assert before <= 12


def test_guests_made_elsewhere_appear_and_those_gone_vanish(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("old")
        await ui.press("down")
        cli(sim, "create", "jail", "new")
        await ui.sees("new")
        cli(sim, "destroy", "--yes", "db")
        await ui.misses(" db ")
        cli(sim, "rename", "old", "zoe")
        await ui.sees("zoe")
        # The cursor has stayed on its guest, though name and line are others now.
        await ui.press("s")
        await ui.until(lambda: "running" in ui.line(" zoe "), "zoe does not run")

    drive(sim, flow)


def test_a_row_flashes_once_when_its_state_changes(tmp_path: Path) -> None:
    sim = made(tmp_path)

    def reversed_(ui: Ui, word: str) -> bool:
        strips = ui.app.screen._compositor.render_strips()
        strip = next(one for one in strips if word in one.text)
        return any(part.style is not None and bool(part.style.reverse) for part in strip)

    async def flow(ui: Ui) -> None:
        await ui.sees("old")
        # Not when it is seen first.
        assert not reversed_(ui, " web ")
        cli(sim, "stop", "web")
        await ui.until(lambda: reversed_(ui, " web "), "it does not flash")
        assert "stopped" in ui.line(" web ")
        await ui.until(lambda: not reversed_(ui, " web "), "it does not stop flashing")

    drive(sim, flow)


@SIZES
def test_filters_are_typed_completed_and_stacked(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("slash")
        await ui.type("sta")
        await ui.press("tab")
        await ui.sees("/state:")
        await ui.type("st")
        await ui.press("tab")
        await ui.sees("/state:stopped")
        await ui.misses(" web ")
        await ui.press("enter", "slash")
        await ui.type("!o*")
        await ui.misses(" old ")
        await ui.press("enter")
        await ui.sees("2 of 4", "/state:stopped", "/!o*")
        assert rows(ui, EVERY) == ["db", "win"]
        # Each is dropped by itself, the last first.
        await ui.press("escape")
        await ui.sees("3 of 4")
        assert rows(ui, EVERY) == ["db", "old", "win"]
        await ui.press("escape")
        await ui.sees("web")
        # What is not understood is said, and not kept.
        await ui.press("slash")
        await ui.type("nix:x")
        await ui.sees("no filter nix:")
        await ui.press("enter")
        assert "no filter nix:" in ui.screen
        await ui.press("escape")
        await ui.misses("nix")
        await ui.press("slash")
        await ui.type("tag:prod")
        await ui.until(lambda: rows(ui, EVERY) == ["web"], "not only web")
        await ui.press("escape")
        await ui.sees("db")

    drive(sim, flow, size=size)


@SIZES
def test_marks_and_actions_on_them(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        await ui.press("plus")
        await ui.type("[od]*")
        await ui.press("enter")
        await ui.sees("2 marked")
        assert "●db" in ui.line("db")
        await ui.press("minus")
        await ui.type("d*")
        await ui.press("enter")
        await ui.sees("1 marked")
        await ui.press("space")
        await ui.sees("2 marked")
        # Actions act on the marked that the filter hides too, and that is said.
        await ui.press("slash")
        await ui.type("w")
        await ui.press("enter")
        await ui.sees("2 marked, 2 of them not shown here")
        await ui.press("s", "escape")
        await ui.until(lambda: "running" in ui.line("db "), "db is down")
        await ui.until(lambda: "running" in ui.line("old "), "old is down")
        assert "stopped" in ui.line("win ")
        await ui.press("escape")
        await ui.misses("marked")
        await ui.press("asterisk")
        await ui.sees("4 marked")

    drive(sim, flow, size=size)


@SIZES
def test_rows_are_sorted_by_any_column(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.until(lambda: rows(ui, EVERY) == ["db", "old", "web", "win"])
        await ui.press("end")
        await ui.until(lambda: [one.name for one in ui.app.selected()] == ["win"])
        # kind, then state
        await ui.press("greater_than_sign", "greater_than_sign")
        await ui.sees("STATE▲")
        assert rows(ui, EVERY) == ["web", "db", "old", "win"]
        await ui.press("o")
        await ui.sees("STATE▼")
        assert rows(ui, EVERY) == ["db", "old", "win", "web"]
        # The cursor has stayed on its guest.
        assert [one.name for one in ui.app.selected()] == ["win"]
        await ui.press("less_than_sign", "less_than_sign")
        await ui.sees("NAME▲")
        line = ui.lines.index(ui.line("NAME"))
        await ui.pilot.click(offset=(ui.line("NAME").index("CPU%"), line))
        await ui.until(lambda: rows(ui, EVERY)[0] == "web", "the busiest is not the first")

    drive(sim, flow, size=size)


@SIZES
def test_the_line_of_the_host_and_what_doctor_found(tmp_path: Path, size: tuple[int, int]) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("1 of 4 running", "1 problem")
        line = ui.lines[0]
        assert all(word in line for word in ("fbsd", "CPU ", "memory ", "zroot "))
        assert ("FreeBSD" in line) == (size == WIDE)
        await ui.press("W")
        await ui.sees("there is no UEFI firmware", "pkg install edk2-bhyve")
        await ui.press("escape")
        await ui.misses("UEFI")

    drive(sim, flow, size=size)


def test_a_read_only_ui_says_so_and_changes_nothing(tmp_path: Path) -> None:
    sim = made(tmp_path)

    async def flow(ui: Ui) -> None:
        await ui.sees("read-only: opened with --read-only")
        await ui.press("s")
        await ui.sees("Start: opened with --read-only")
        assert "stopped" in ui.line(" db ")

    drive(sim, flow, read_only=True)


def test_a_host_that_cannot_be_read_says_why_and_recovers(tmp_path: Path) -> None:
    sim = made(tmp_path)
    file = next(sim.rglob("bsdvirt.yaml"))
    text = file.read_text()

    async def flow(ui: Ui) -> None:
        await ui.sees("web")
        file.write_text("nonsense: [")
        await ui.until(lambda: "bsdvirt.yaml" in ui.lines[0], "it does not say why")
        # The guests are those of the last reading.
        assert "web" in ui.screen
        file.write_text(text)
        await ui.until(lambda: "1 of 4 running" in ui.lines[0], "it does not recover")

    drive(sim, flow)
