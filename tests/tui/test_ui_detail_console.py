"""Consoles in place: the UI steps aside, and comes back with a sane terminal."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from terminal import HAS_TMUX, Terminal
from uitest import Ui, cli, drive, made

pytestmark = pytest.mark.skipif(not HAS_TMUX, reason="no tmux")


def test_a_console_says_how_it_is_left_and_the_ui_comes_back(tmp_path: Path) -> None:
    sim = made(tmp_path)
    with Terminal(tmp_path) as terminal:
        before = terminal.settings
        terminal.tui(sim)
        terminal.sees("web", "running")
        terminal.keys("End")
        terminal.keys("Up")
        terminal.keys("c")
        terminal.sees("web: exit to return to the UI", "root@web:~ #")
        terminal.type("hostname")
        terminal.keys("Enter")
        terminal.until(lambda screen: "\nweb\n" in screen, "no answer")
        # The signal is the shell's; the UI stays.
        terminal.keys("C-c")
        _sees_the_ui(terminal)
        terminal.keys("q")
        terminal.misses("stopped")
        assert terminal.settings == before


def test_the_ui_comes_back_when_the_guest_is_stopped_meanwhile(tmp_path: Path) -> None:
    sim = made(tmp_path)
    with Terminal(tmp_path) as terminal:
        before = terminal.settings
        terminal.tui(sim)
        terminal.sees("web", "running")
        terminal.keys("End")
        terminal.keys("Up")
        terminal.keys("c")
        terminal.sees("root@web:~ #")
        cli(sim, "stop", "web")
        terminal.type("true")
        terminal.keys("Enter")
        _sees_the_ui(terminal)
        terminal.misses("jail running")
        terminal.keys("q")
        terminal.misses("stopped")
        assert terminal.settings == before


def _sees_the_ui(terminal: Terminal) -> None:
    """Wait for the UI; a command that failed at once wants its message read first."""
    terminal.until(lambda screen: "press enter" in screen or "stopped" in screen, "no UI")
    if "press enter" in terminal.screen:
        terminal.keys("Enter")
    terminal.sees("db ", "stopped")


class Recorded:
    """Runs nothing: the terminal of Pilot's tests cannot be left."""

    def __init__(self) -> None:
        self.ran: list[tuple[Sequence[str], str]] = []

    async def __call__(self, argv: Sequence[str], *, lead: str, waits: bool) -> int:
        self.ran.append((argv, lead))
        return 0


def test_c_opens_the_console_of_a_running_guest_only(tmp_path: Path) -> None:
    sim = made(tmp_path)
    ran = Recorded()

    async def flow(ui: Ui) -> None:
        ui.app.terminal = ran
        await ui.sees("web", "db")
        await ui.press("c")
        await ui.sees("Console: db is stopped")
        await ui.press("end", "up", "c")
        await ui.until(lambda: ran.ran, "no console")

    drive(sim, flow)
    ((argv, lead),) = ran.ran
    assert list(argv[-2:]) == ["console", "web"]
    assert lead == "web: exit to return to the UI"
    assert subprocess.run((*argv[:-2], "--version")).returncode == 0
