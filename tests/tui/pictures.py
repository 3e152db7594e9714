"""Pictures of the UI as SVG, for the README and for the tests that compare them: `make pictures`.

The host is a simulated one whose clock is moved by hand, so that each picture is the same every
time that it is made.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from rich.console import Console
from uitest import REPOSITORY, Ui, as_a_new_user, cli, end_vms

from bsdvirt.cli.language import CommandLine
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.tui.app import BsdvirtApp
from bsdvirt.tui.feed.local import LocalSource
from bsdvirt.tui.feed.model import Tick
from bsdvirt.tui.feed.source import Query
from bsdvirt.tui.settings import Settings
from bsdvirt_sim import SimHost

T = TypeVar("T")
Flow = Callable[[Ui], Awaitable[None]]
PLACE = Path(__file__).parent / "pictures"
README_PLACE = REPOSITORY / "docs" / "pictures"
READINGS = 40
STEP = 5.0
"""Seconds between readings."""


class Still:
    """A source whose host's clock is moved by STEP with each reading; after READINGS, `ended` is
    called."""

    name = ""
    several = True

    def __init__(self, sim: Path) -> None:
        self._source = LocalSource(str(sim), read_only=False)
        self.ended: Callable[[], None] = lambda: None
        self.read = 0

    @property
    def read_only(self) -> str:
        return self._source.read_only

    def tick(self) -> Tick:
        host = self._source.host
        assert isinstance(host, SimHost)
        host.settings.pass_time(STEP)
        tick = self._source.tick()
        self.read += 1
        if self.read == READINGS:
            self.ended()
        at = STEP * self.read
        assert tick.sample is not None, tick
        sample = msgspec.structs.replace(
            tick.sample, host=msgspec.structs.replace(tick.sample.host, time=at)
        )
        return replace(tick, sample=sample)

    def ask(self, query: Query[T], *words: str) -> T:
        return self._source.ask(query, *words)

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        return self._source.argv(words, terminal=terminal)

    def close(self) -> None:
        self._source.close()


def made_world(place: Path) -> Path:
    """Make the host of the pictures: an EPYC with a dozen guests."""
    sim = place / "sim"
    fs = SimHost(str(sim), Interrupt()).fs
    fs.mkdir("/usr/local/share/uefi-firmware")
    for file in ("BHYVE_UEFI_CODE.fd", "BHYVE_UEFI_VARS.fd"):
        fs.write(f"/usr/local/share/uefi-firmware/{file}", "code")
    cli(sim, "init", "--pool", "zroot")
    cli(sim, "network", "create", "lan", "--address", "10.20.0.1/24", "--description", "office")
    cli(sim, "create", "jail", "web1", "web2", "web3", "mail", "dns", "git", "build")
    cli(sim, "set", "web*", "limits.memoryuse=2G", "cpuset=8-11")
    cli(sim, "set", "build", "cpuset=0-3,64-67", "boot.auto=no")
    cli(sim, "set", "dns", "boot.auto=yes", "boot.order=10")
    cli(sim, "set", "mail", "boot.auto=yes", "boot.after=dns", "expose=[tcp:25:25]")
    cli(sim, "create", "vm", "db", "win", "fw", "--cpus", "2", "--memory", "8G", "--disk", "40G")
    cli(sim, "set", "db", "cpuset=16-17", "boot.auto=yes")
    for name in ("web1", "web2", "web3"):
        cli(sim, "tag", name, "prod", "front")
    cli(sim, "tag", "db", "prod")
    cli(sim, "start", "web1", "web2", "web3", "mail", "dns", "build", "db", "fw")
    settings = SimHost(str(sim), Interrupt()).settings
    for name, cpu, memory in LOADS:
        settings.set_load(name, cpu=cpu, memory=memory)
    return sim


LOADS = (
    ("", 12, 0), ("web1", 64, 812 << 20), ("web2", 41, 640 << 20), ("web3", 12, 511 << 20),
    ("mail", 7, 1203 << 20), ("dns", 2, 48 << 20), ("build", 391, 5900 << 20),
    ("db", 188, 0), ("fw", 23, 0),
)  # fmt: skip
"""What the guests use: percent of a CPU, bytes of memory."""


def svg(app: BsdvirtApp) -> str:
    """Return what the screen shows."""
    width, height = app.size
    console = Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", record=True, legacy_windows=False, safe_box=False,
    )  # fmt: skip
    console.print(app.screen._compositor.render_update(full=True))
    return console.export_svg(title="bsdvirt", unique_id="bsdvirt")


async def _overview(ui: Ui) -> None:
    await ui.sees("web1", "fw")


async def _cpus(ui: Ui) -> None:
    await ui.press("2")
    await ui.sees("package 0", "web1")


async def _networks(ui: Ui) -> None:
    await ui.press("3")
    await ui.sees("private", "lan")


PICTURES: dict[str, tuple[Flow, tuple[int, int]]] = {
    "overview": (_overview, (132, 30)),
    "overview-80": (_overview, (80, 24)),
    "cpus": (_cpus, (132, 40)),
    "networks": (_networks, (132, 30)),
}
"""By name: how it is come by, and the size of its screen."""


def take(sim: Path, flow: Flow, size: tuple[int, int]) -> str:
    """Return a picture of the UI after a flow, from the figures of READINGS readings."""

    async def run() -> str:
        source = Still(sim)
        app = BsdvirtApp([source], Settings(interval=0.01), CommandLine())

        def ended() -> None:
            for feed in app._feeds:
                feed.interval = 86400.0

        source.ended = ended
        async with app.run_test(size=size) as pilot:
            ui = Ui(app, pilot, sim)
            await ui.until(lambda: source.read >= READINGS)
            await flow(ui)
            await pilot.pause(0.5)
            return svg(app)

    return asyncio.run(run())


def main() -> None:
    """Write the pictures: all, or those named."""
    names = sys.argv[1:] or list(PICTURES)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        as_a_new_user(patch, Path(place))
        patch.setenv("BSDVIRT_SIM_MACHINE", "epyc")
        sim = made_world(Path(place))
        try:
            PLACE.mkdir(exist_ok=True)
            for name in names:
                text = take(sim, *PICTURES[name])
                (PLACE / f"{name}.svg").write_text(text, encoding="utf-8")
                print(PLACE / f"{name}.svg")
        finally:
            end_vms(sim)


if __name__ == "__main__":
    main()
