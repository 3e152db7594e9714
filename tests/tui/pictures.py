"""Pictures of the UI as SVG, for the README and for the tests that compare them: `make pictures`.

The host is a simulated one whose clock is moved by hand, so that each picture is the same every
time that it is made.
"""

from __future__ import annotations

import asyncio
import io
import math
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from rich.console import Console
from uitest import Ui, as_a_new_user, cli, end_vms

from bsdvirt.cli.language import CommandLine
from bsdvirt.host.interrupt import Interrupt
from bsdvirt.tui.app import BsdvirtApp
from bsdvirt.tui.feed.local import LocalSource
from bsdvirt.tui.feed.model import Tick
from bsdvirt.tui.feed.source import Query
from bsdvirt.tui.settings import Settings
from bsdvirt_sim import SimHost
from bsdvirt_sim.settings import Settings as SimSettings

T = TypeVar("T")
Flow = Callable[[Ui], Awaitable[None]]
PLACE = Path(__file__).parent / "pictures"
READINGS = 14
STEP = 10.0
"""Seconds between readings: what LOADS says is a whole number then, as the kernel's counters are,
and so the same whatever the guests have used before."""


class Still:
    """A source that gives READINGS readings that were made before, and then the last one again;
    after READINGS, `ended` is called."""

    name = ""
    several = True

    def __init__(self, sim: Path, ticks: Sequence[Tick]) -> None:
        self._source = LocalSource(str(sim), read_only=False)
        self._ticks = ticks
        self.ended: Callable[[], None] = lambda: None
        self.read = 0

    @property
    def read_only(self) -> str:
        return self._source.read_only

    def tick(self) -> Tick:
        self.read += 1
        if self.read == len(self._ticks):
            self.ended()
        return self._ticks[min(self.read, len(self._ticks)) - 1]

    def ask(self, query: Query[T], *words: str) -> T:
        return self._source.ask(query, *words)

    def argv(self, words: Sequence[str], *, terminal: bool = False) -> list[str]:
        return self._source.argv(words, terminal=terminal)

    def close(self) -> None:
        self._source.close()


def readings(sim: Path) -> list[Tick]:
    """Read the host READINGS times, its clock moved by STEP before each."""
    source = LocalSource(str(sim), read_only=False)
    host = source.host
    assert isinstance(host, SimHost)
    ticks = []
    for number in range(READINGS):
        for place, name in enumerate(MOVING):
            load(host.settings, name, round(0.7 + 0.3 * math.sin(number * 0.8 + place), 1))
        host.settings.pass_time(STEP)
        tick = source.tick()
        assert tick.sample is not None, tick
        at = msgspec.structs.replace(tick.sample.host, time=STEP * number)
        ticks.append(replace(tick, sample=msgspec.structs.replace(tick.sample, host=at)))
    return ticks


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
    for name in LOADS:
        load(settings, name, 1.0)
    # So that uptimes are the same, however long the guests took to start.
    settings.pass_time(3.5 * 86400)
    return sim


def load(settings: SimSettings, name: str, share: float) -> None:
    """Let a guest use that share of what LOADS says."""
    cpu, memory, received, sent, read, written = LOADS[name]
    settings.set_load(
        name, cpu=cpu * share, memory=memory << 20, received=received * share * 1e3,
        sent=sent * share * 1e3, read=read * share * 1e3, written=written * share * 1e3,
    )  # fmt: skip


LOADS: dict[str, tuple[float, int, float, float, float, float]] = {
    "": (10, 0, 0, 0, 0, 0),
    "web1": (100, 812, 910, 14200, 120, 40), "web2": (40, 640, 640, 9100, 80, 30),
    "web3": (10, 511, 210, 2300, 20, 10), "mail": (10, 1203, 30, 60, 190, 420),
    "dns": (0, 48, 10, 20, 0, 0), "build": (400, 5900, 0, 0, 8200, 31000),
    "db": (200, 0, 4100, 7300, 24000, 16000), "fw": (20, 0, 21000, 20500, 0, 10),
}  # fmt: skip
"""What the guests use at most: percent of a CPU, MiB of memory, kB a second received, sent, read
and written."""
MOVING = ("web1", "build", "db")
"""Those whose load changes from reading to reading."""


def svg(app: BsdvirtApp) -> str:
    """Return what the screen shows."""
    width, height = app.size
    console = Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", record=True, legacy_windows=False, safe_box=False,
    )  # fmt: skip
    console.print(app.screen._compositor.render_update(full=True))
    return console.export_svg(title="bsdvirt", unique_id="bsdvirt")


def _flow(*keys: str, sees: Sequence[str]) -> Flow:
    """Return a flow: press keys, and wait until these words are seen."""

    async def flow(ui: Ui) -> None:
        await ui.sees("web1", "fw")
        await ui.press(*keys)
        await ui.sees(*sees)

    return flow


async def _marked(ui: Ui) -> None:
    await ui.sees("web1", "fw")
    await ui.press("slash")
    await ui.type("tag:prod")
    await ui.press("enter", "asterisk")
    await ui.misses(" dns ")


BIG = (132, 32)
PICTURES: dict[str, tuple[Flow, tuple[int, int]]] = {
    "overview": (_flow(sees=["build"]), BIG),
    "overview-80": (_flow(sees=["build"]), (80, 24)),
    "filter": (_marked, (80, 24)),
    "detail": (_flow("enter", *("left_square_bracket",) * 2, sees=["CPU, of one"]), BIG),
    "cpus": (_flow("2", sees=["package 0"]), (132, 40)),
    "networks": (_flow("3", sees=["private", "lan"]), BIG),
    "storage": (_flow("4", sees=["zroot", "tank"]), BIG),
    "plan": (_flow("p", "x", sees=["steps"]), BIG),
    "wizard": (_flow("n", sees=["Create a guest"]), BIG),
    "help": (_flow("question_mark", sees=["closes help"]), (80, 24)),
    "palette": (_flow("ctrl+p", sees=["Console"]), (80, 24)),
}
"""By name: how one gets there, and the size of the screen."""


def take(sim: Path, ticks: Sequence[Tick], flow: Flow, size: tuple[int, int]) -> str:
    """Return a picture of the UI after a flow, from the figures of these readings."""

    async def run() -> str:
        source = Still(sim, ticks)
        app = BsdvirtApp([source], Settings(interval=0.01), CommandLine())

        def ended() -> None:
            for feed in app._feeds:
                feed.interval = 86400.0

        source.ended = ended
        async with app.run_test(size=size) as pilot:
            ui = Ui(app, pilot, sim)
            await ui.until(lambda: source.read >= READINGS)
            await flow(ui)
            await pilot.pause(0.2)
            return svg(app)

    return asyncio.run(run())


@contextmanager
def world() -> Iterator[Path]:
    """Make the host of the pictures, and end its virtual machines."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        as_a_new_user(patch, Path(place))
        patch.setenv("BSDVIRT_SIM_MACHINE", "epyc")
        sim = made_world(Path(place))
        try:
            yield sim
        finally:
            end_vms(sim)


def main() -> None:
    """Write the pictures: all, or those named."""
    PLACE.mkdir(exist_ok=True)
    with world() as sim:
        ticks = readings(sim)
        for name in sys.argv[1:] or list(PICTURES):
            (PLACE / f"{name}.svg").write_text(take(sim, ticks, *PICTURES[name]), encoding="utf-8")
            print(PLACE / f"{name}.svg")


if __name__ == "__main__":
    main()
