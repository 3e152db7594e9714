"""Driving the UI in tests: Textual's Pilot on a simulated host."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from bsdvirt.cli.language import CommandLine
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.tui.app import BsdvirtApp, Start
from bsdvirt.tui.feed.local import LocalSource
from bsdvirt.tui.feed.source import Source
from bsdvirt.tui.settings import Settings, SettingsFile
from bsdvirt_sim import SimHost

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = (80, 24)
WIDE = (160, 48)
PATIENCE = 60.0
"""Seconds to wait for what is to appear, on a loaded machine; far above what it takes."""


class Ui:
    """The UI under test, and its host."""

    def __init__(self, app: BsdvirtApp, pilot: Pilot[Any], sim: Path) -> None:
        self.app = app
        self.pilot = pilot
        self.sim = sim

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type a text, a key for each character."""
        await self.pilot.press(*(NAMES.get(char, char) for char in text))

    @property
    def screen(self) -> str:
        """Return what the terminal shows, line by line."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        shown = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in shown]

    def line(self, word: str) -> str:
        """Return the first line of the screen with this word; "" if there is none."""
        return next((line for line in self.lines if word in line), "")

    async def until(self, test: Callable[[], Any], what: str = "") -> None:
        """Wait until a test of the screen or the host holds."""
        end = time.monotonic() + PATIENCE
        while not test():
            assert time.monotonic() < end, f"{what or 'not seen'}; the screen:\n{self.screen}"
            await self.pilot.pause(0.05)

    async def sees(self, *words: str) -> None:
        """Wait until all these words are on the screen."""
        await self.until(lambda: all(word in self.screen for word in words), f"no {words}")

    async def misses(self, *words: str) -> None:
        """Wait until none of these words is on the screen."""
        await self.until(lambda: not any(word in self.screen for word in words), f"still {words}")

    @property
    def host(self) -> SimHost:
        """The simulated host, as another process sees it now."""
        return SimHost(str(self.sim), Interrupt())


NAMES = {
    " ": "space", "/": "slash", ":": "colon", ".": "full_stop", "-": "minus", "_": "underscore",
    "=": "equals_sign", "!": "exclamation_mark", ",": "comma", "*": "asterisk", "@": "at",
    "+": "plus", '"': "quotation_mark", "#": "number_sign", "\n": "enter",
}  # fmt: skip


def drive(
    sim: Path,
    flow: Callable[[Ui], Awaitable[None]],
    *,
    size: tuple[int, int] = SMALL,
    settings: Settings | None = None,
    read_only: bool = False,
    file: SettingsFile | None = None,
    keys: Mapping[str, Sequence[str]] | None = None,
    problems: Sequence[str] = (),
    others: Sequence[Source] = (),
) -> None:
    """Run a flow against the UI on the simulated host in `sim` and on others; end the virtual
    machines of the former."""

    async def run() -> None:
        settings_ = settings or Settings(interval=0.4)
        sources = [LocalSource(str(sim), read_only=read_only), *others]
        start = Start(keys or {}, file, problems)
        app = BsdvirtApp(sources, settings_, CommandLine(), start)
        async with app.run_test(size=size, notifications=True) as pilot:
            await flow(Ui(app, pilot, sim))

    with pytest.MonkeyPatch.context() as patch:
        as_a_new_user(patch, sim.parent)
        try:
            asyncio.run(run())
        finally:
            end_vms(sim)


def as_a_new_user(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Have the settings of a new user, on a terminal with colours and UTF-8."""
    for name in ("XDG_CONFIG_HOME", "NO_COLOR", "TERM_PROGRAM", "COLORTERM"):
        patch.delenv(name, raising=False)
    for name, value in (
        ("HOME", str(home)), ("LC_ALL", "C.UTF-8"), ("TERM", "xterm-256color"),
        # As if the tests had been started in this locale.
        ("PYTHONUTF8", "1"),
    ):  # fmt: skip
        patch.setenv(name, value)


def cli(sim: Path, *words: str) -> str:
    """Run the command line on the host, and return its output."""
    argv = (sys.executable, "-m", "bsdvirt", "--sim", str(sim), *words)
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def end_vms(sim: Path) -> None:
    """Stop the virtual machines: their supervisors are real processes."""
    guests = json.loads(cli(sim, "ls", "--json"))
    up = [one["name"] for one in guests if one["kind"] == "vm" and one["state"] != "stopped"]
    if up:
        cli(sim, "stop", "--force", *up)


def made(tmp_path: Path, *words: str) -> Path:
    """Return a host with the jails web (running), db and old, all tagged prod, and the stopped
    virtual machine win; then run the command line with `words` there."""
    place = tmp_path / "sim"
    shutil.copytree(_made(), place, symlinks=True)
    if words:
        cli(place, *words)
    return place


@cache
def _made() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="bsdvirt-ui-")
    atexit.register(directory.cleanup)
    sim = Path(directory.name) / "sim"
    cli(sim, "init", "--pool", "zroot")
    cli(sim, "create", "jail", "web", "db", "old")
    cli(sim, "tag", "web", "prod")
    cli(sim, "create", "vm", "win", "--memory", "512M", "--disk", "1G")
    cli(sim, "start", "web")
    return sim


def bare(tmp_path: Path) -> Path:
    """Return a host without guests."""
    cli(tmp_path / "sim", "init", "--pool", "zroot")
    return tmp_path / "sim"


def rows(ui: Ui, names: Sequence[str]) -> list[str]:
    """Return the names in the order in which the screen has them."""
    places = [
        (index, name)
        for index, line in enumerate(ui.lines)
        for name in names
        if f" {name} " in f"{line} "
    ]
    return [name for _, name in sorted(places)]
