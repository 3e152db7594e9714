"""A real terminal for the UI: tmux, whose keys are sent and whose screen is read back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from uitest import PATIENCE, REPOSITORY

TMUX = shutil.which("tmux")
NEEDED = "BSDVIRT_NEEDS_TMUX"
"""Set by the gate, where its absence is a failure."""


class Tmux:
    """A window of tmux in which a shell runs."""

    def __init__(self, socket: Path) -> None:
        self._tmux = (str(TMUX), "-S", str(socket), "-f", "/dev/null")

    def run(self, *words: str) -> str:
        shown = subprocess.run((*self._tmux, *words), capture_output=True, text=True, check=True)
        return shown.stdout

    @property
    def screen(self) -> str:
        return self.run("capture-pane", "-p", "-t", "ui")

    def keys(self, *keys: str) -> None:
        """Send keys by tmux's names, such as Enter or C-p, or as they are typed."""
        self.run("send-keys", "-t", "ui", *keys)

    def line(self, text: str) -> None:
        """Type a line for the shell."""
        self.run("send-keys", "-t", "ui", "-l", text)
        self.keys("Enter")

    def sees(self, *words: str, gone: str = "") -> None:
        """Wait until all these words are on the screen, and `gone` is not."""
        end = time.monotonic() + PATIENCE
        while True:
            screen = self.screen
            if all(word in screen for word in words) and not (gone and gone in screen):
                return
            assert time.monotonic() < end, f"{words} not seen, or {gone!r} seen:\n{screen}"
            time.sleep(0.05)


@contextmanager
def terminal(
    tmp_path: Path, environment: Mapping[str, str] = {}, size: tuple[int, int] = (80, 24)
) -> Iterator[Tmux]:
    """Open a terminal in which sh(1) runs; skip the test where there is no tmux."""
    if TMUX is None:
        assert not os.environ.get(NEEDED), "tmux is not installed"
        pytest.skip("tmux is not installed")
    tmux = Tmux(tmp_path / "tmux")
    width, height = map(str, size)
    env = _environment(tmp_path, environment)
    words = [word for item in env.items() for word in ("-e", "=".join(item))]
    shell = ("/bin/sh", "-c", "PS1='ready$ ' exec /bin/sh")
    tmux.run("new-session", "-d", "-s", "ui", "-x", width, "-y", height, *words, *shell)
    try:
        tmux.sees("ready$")
        yield tmux
    finally:
        subprocess.run((*tmux._tmux, "kill-server"), capture_output=True)


def _environment(home: Path, given: Mapping[str, str]) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {
        "HOME": str(home), "LC_ALL": "C.UTF-8", "PATH": path, "PYTHONPATH": str(REPOSITORY), **given
    }  # fmt: skip


def command(sim: Path, *words: str) -> str:
    """Return the shell's line that runs the command line on a host."""
    return " ".join((sys.executable, "-m", "bsdvirt", "--sim", str(sim), *words))
