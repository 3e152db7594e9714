"""What reaches the terminal, byte by byte: no colours where there are none, ASCII alone where the
locale has no more."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from uitest import PATIENCE, REPOSITORY, made

from bsdvirt.tui.widgets.terminal import AsciiOnly, NoColours, SixteenColours, theme_for

SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
BLACK = Color(0, 0, 0)
SCREENS = ("2", "3", "4", "5", "6", "1", "?", "\x1b", ".", "\x1b", "\x10", "\x1b", ",", "\x1b",
           ":", "\x1b", "/", "\x1b", "\r", "\x1b", "n")  # fmt: skip
"""Keys that open most screens, one after the other."""


class Terminal:
    """The UI on a pseudo-terminal; all its output is kept."""

    def __init__(self, sim: Path, environment: Mapping[str, str], words: Sequence[str] = ()):
        argv = [sys.executable, "-m", "bsdvirt", "--sim", str(sim), "tui", *words]
        clean = {
            key: text for key, text in os.environ.items() if not key.startswith(("LC_", "PYTHON"))
        }
        for name in ("COLORTERM", "NO_COLOR", "COLORFGBG", "XDG_CONFIG_HOME"):
            clean.pop(name, None)
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(REPOSITORY)
            os.execve(argv[0], argv, {**clean, "HOME": str(sim.parent), **environment})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.seen = b""

    def read_for(self, seconds: float) -> None:
        """Read until nothing has come for so long."""
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError:
                return

    def until(self, word: bytes) -> None:
        end = time.monotonic() + PATIENCE
        while word not in self.seen:
            assert time.monotonic() < end, self.seen
            self.read_for(0.05)

    def press(self, key: str) -> None:
        os.write(self.fd, key.encode())
        self.read_for(0.3)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.read_for(0.5)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def shown(sim: Path, environment: Mapping[str, str], *words: str) -> bytes:
    """Return what the UI writes while most of its screens are opened."""
    terminal = Terminal(sim, environment, words)
    try:
        terminal.until(b"win")
        for key in SCREENS:
            terminal.press(key)
    finally:
        terminal.close()
    return terminal.seen


def codes(output: bytes) -> set[bytes]:
    """Return the numbers of all colours and attributes."""
    return {code for found in SGR.findall(output) for code in re.split(rb"[;:]", found)}


def test_a_terminal_without_colours_and_utf8_gets_neither(tmp_path: Path) -> None:
    output = shown(made(tmp_path), {"LANG": "C", "TERM": "vt100"})
    assert b"Create a jail or a virtual machine" in output
    assert b"Seconds between readings" in output
    # CSI may be a byte of its own in no sequence that Textual sends.
    assert [byte for byte in output if byte >= 0x80] == []
    assert codes(output) <= {b"", b"0", b"1", b"4", b"7"}


def test_sixteen_colours_are_the_terminals_own(tmp_path: Path) -> None:
    output = shown(made(tmp_path), {"LANG": "C.UTF-8", "TERM": "xterm"})
    used = codes(output)
    own = {b"", b"0", b"1", b"4", b"7", b"39", b"49"}
    own |= {str(n).encode() for first in (30, 40, 90, 100) for n in range(first, first + 8)}
    assert used <= own
    assert used & {b"34", b"36", b"44"}


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({"TERM": "vt100"}, "none"),
        ({"TERM": "dumb"}, "none"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "xterm-16color"}, "16"),
        ({"TERM": "no-such-terminal"}, "none"),
        ({"TERM": "xterm-256color"}, "dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "light"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "dark"),
    ],
)
def test_the_theme_is_chosen_by_the_terminal(environment: dict[str, str], theme: str) -> None:
    assert theme_for(environment) == theme


def test_colours_become_attributes_where_there_are_none() -> None:
    segments = [Segment("a", Style.parse("bold #ff0000 on #ffffff")), Segment("b")]
    first, second = NoColours().apply(segments, BLACK)
    assert first.style == Style(bold=True, reverse=True)
    assert second.style is None


def test_greys_are_the_terminals_own_in_sixteen_colours() -> None:
    (one,) = SixteenColours().apply([Segment("a", Style.parse("#d0d0d0 on #101010"))], BLACK)
    assert one.style == Style.parse("default on default")


def test_ascii_is_as_wide_as_what_it_replaces() -> None:
    segments = [Segment("┌─┐│x│…中é")]
    (one,) = AsciiOnly().apply(segments, BLACK)
    assert one.text == "+-+|x|~???"
