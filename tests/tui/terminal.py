"""The UI in a real terminal: tmux, with keys sent and the screen read back."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from uitest import PATIENCE, REPOSITORY, SMALL

HAS_TMUX = shutil.which("tmux") is not None


class Terminal:
    """A shell in a tmux server of its own; `run` types a command."""

    def __init__(self, place: Path, size: tuple[int, int] = SMALL, **environment: str) -> None:
        # The path of its socket is short, whatever the directory of the test.
        self._tmux = ("tmux", "-S", f"/tmp/bsdvirt-ui-{id(self):x}", "-f", "/dev/null")
        self._place = place
        given = {"LC_ALL": "C.UTF-8", "HOME": str(place), "PS1": "$ ", "ENV": ""} | environment
        words = [f"{name}={value}" for name, value in given.items()]
        width, height = (str(cells) for cells in size)
        self._ask("new-session", "-d", "-x", width, "-y", height, shlex.join(["env", *words, "sh"]))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._ask("kill-server")
        Path(self._tmux[2]).unlink(missing_ok=True)

    def _ask(self, *words: str) -> str:
        return subprocess.run((*self._tmux, *words), capture_output=True, text=True).stdout

    @property
    def screen(self) -> str:
        return self._ask("capture-pane", "-p")

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._ask("send-keys", *keys)

    def type(self, text: str) -> None:
        self._ask("send-keys", "-l", text)

    def run(self, *argv: str) -> None:
        self.type(f"cd {shlex.quote(str(REPOSITORY))} && {shlex.join(argv)}")
        self.keys("Enter")

    def tui(self, sim: Path) -> None:
        """Open the UI on a simulated host."""
        self.run(sys.executable, "-m", "bsdvirt", "--sim", str(sim), "tui")

    def until(self, test: Callable[[str], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not test(screen := self.screen):
            assert time.monotonic() < end, f"{what}; the screen:\n{screen}"
            time.sleep(0.05)

    def sees(self, *words: str) -> None:
        self.until(lambda screen: all(word in screen for word in words), f"no {words}")

    def misses(self, *words: str) -> None:
        self.until(lambda screen: not any(word in screen for word in words), f"still {words}")

    @property
    def settings(self) -> str:
        """Return what stty(1) says of the terminal: typed to the shell in it."""
        file = self._place / "stty"
        self.type(f"stty -g >{file}.new; mv {file}.new {file}")
        self.keys("Enter")
        self.until(lambda _: file.exists(), "no shell")
        text = file.read_text()
        file.unlink()
        return text
