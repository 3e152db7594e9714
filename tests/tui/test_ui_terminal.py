"""The UI in a real terminal: drawn, driven, and the terminal as it was afterwards."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tmux import Tmux, command, terminal
from uitest import PATIENCE, cli, made


def with_pid(sim: Path) -> tuple[str, Path]:
    """Return the shell's command that runs the UI, and the file to which it writes its process."""
    path = sim.parent / "pid"
    return f"sh -c 'echo $$ > {path}; exec {command(sim, 'tui')}'", path


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


_CALLS = itertools.count()


def tty(tmux: Tmux) -> str:
    """Return the settings of the terminal, as stty(1) prints them."""
    # Numbered: the end of an earlier call is on the screen again once the UI has left its own.
    number = next(_CALLS)
    tmux.line(f"clear; stty -g; echo end''ed-{number}.")
    tmux.sees(f"ended-{number}.")
    return next(line for line in tmux.screen.splitlines() if line.count(":") > 5)


@pytest.mark.parametrize("term", ["tmux-256color", "xterm-16color", "vt100"])
def test_guests_are_driven_in_a_terminal(tmp_path: Path, term: str) -> None:
    sim = made(tmp_path)
    plain = {"LC_ALL": "C"} if term == "vt100" else {}
    with terminal(tmp_path, {"TERM": term, **plain}) as tmux:
        before = tty(tmux)
        tmux.line(f"TERM={term} {command(sim, 'tui')}")
        tmux.sees("web", "running", "stopped", gone="ready$")
        tmux.keys("s")
        tmux.sees("db")
        end = time.monotonic() + PATIENCE
        while '"db"' not in cli(sim, "ls", "state:running", "--json"):
            assert time.monotonic() < end, tmux.screen
            time.sleep(0.2)
        while "ready$" not in tmux.screen:
            # The jail runs before its start has ended: leaving then asks first.
            assert time.monotonic() < end, tmux.screen
            tmux.keys("Escape" if "under way" in tmux.screen else "q")
            time.sleep(1.0)
        assert tty(tmux) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_ui_and_leaves_the_terminal_sane(
    tmp_path: Path, number: signal.Signals
) -> None:
    sim = made(tmp_path)
    with terminal(tmp_path) as tmux:
        before = tty(tmux)
        line, pid = with_pid(sim)
        tmux.line(f"{line}; echo status $?")
        tmux.sees("web", "running")
        os.kill(int(pid.read_text()), number)
        tmux.sees(f"status {128 + number}")
        assert "Traceback" not in tmux.screen
        assert tty(tmux) == before


def test_the_ui_ends_with_its_terminal(tmp_path: Path) -> None:
    sim = made(tmp_path)
    with terminal(tmp_path) as tmux:
        line, pid = with_pid(sim)
        tmux.line(line)
        tmux.sees("web", "running")
        tmux.run("kill-pane", "-t", "ui")
        end = time.monotonic() + PATIENCE
        while is_there(int(pid.read_text())):
            assert time.monotonic() < end, "it goes on without a terminal"
            time.sleep(0.05)


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    sim = made(tmp_path)
    done = subprocess.run(
        command(sim, "tui").split(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("bsdvirt: tui: there is no terminal (bsdvirt ls")
