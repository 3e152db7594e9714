"""Consoles in place: the UI steps aside, and comes back with a sane terminal."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from test_ui_terminal import tty
from tmux import Tmux, command, terminal
from uitest import Ui, cli, drive, made


def test_a_console_says_how_it_is_left_and_the_ui_comes_back(tmp_path: Path) -> None:
    sim = made(tmp_path)
    with terminal(tmp_path) as tmux:
        before = tty(tmux)
        _open_console_of_web(tmux, sim)
        tmux.line("hostname")
        tmux.sees("\nweb\n")
        # The signal is the shell's; the UI stays.
        tmux.keys("C-c")
        _sees_the_ui(tmux)
        tmux.keys("Enter")
        tmux.sees("Summary", "jail ID")
        tmux.keys("q")
        tmux.sees("ready$")
        assert "fault" not in tmux.screen
        assert tty(tmux) == before


def test_the_ui_comes_back_when_the_guest_is_stopped_meanwhile(tmp_path: Path) -> None:
    sim = made(tmp_path)
    with terminal(tmp_path) as tmux:
        before = tty(tmux)
        _open_console_of_web(tmux, sim)
        cli(sim, "stop", "web")
        tmux.line("true")
        _sees_the_ui(tmux)
        tmux.sees("0 of 4")
        tmux.keys("q")
        tmux.sees("ready$")
        assert tty(tmux) == before


def _open_console_of_web(tmux: Tmux, sim: Path) -> None:
    tmux.line(command(sim, "tui"))
    tmux.sees("web", "running")
    tmux.keys("End")
    tmux.keys("Up")
    tmux.keys("c")
    tmux.sees("web: exit to return to the UI", "root@web:~ #")


def _sees_the_ui(tmux: Tmux) -> None:
    """Wait for the UI; a command that failed at once wants its message read first."""
    while "db " not in tmux.screen:
        if "press enter" in tmux.screen:
            tmux.keys("Enter")
    tmux.sees("db ", "stopped")


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
        await ui.press("c", "end", "up", "c")
        await ui.until(lambda: ran.ran, "no console")

    drive(sim, flow)
    ((argv, lead),) = ran.ran
    assert list(argv[-2:]) == ["console", "web"]
    assert lead == "web: exit to return to the UI"
    assert subprocess.run((*argv[:-2], "--version")).returncode == 0
