"""Progress bars, as a terminal shows them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from bsdvirt.cli import bars
from bsdvirt.cli.progress import Terminal, command_line
from bsdvirt.plan import events

MEGA = 1 << 20
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def downloaded(done: int, total: int = 200) -> events.Progress:
    about = ("", "fetch release", "x", "fetch base.txz")
    return events.Progress(*about, done * MEGA, total * MEGA, "bytes")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bsdvirt.cli.bars.time.monotonic", clock)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return clock


@pytest.fixture
def stage(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    stage = Stage(monkeypatch)
    yield stage
    # What is still drawn then would be cleared at the end of all tests, on their terminal.
    stage.terminal(events.Finished("", "fetch release", "x", 1.0, ok=True))


class Stage:
    """A terminal that shows events; pytest has its own standard error until a test runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def open(self, screen: io.StringIO | None = None, *, quiet: bool = False) -> Terminal:
        self.screen = screen or Screen()
        self._monkeypatch.setattr(sys, "stderr", self.screen)
        self.terminal = Terminal(verbose=False, quiet=quiet)
        return self.terminal

    @property
    def text(self) -> str:
        return self.screen.getvalue()


@pytest.mark.parametrize(
    ("event", "speed", "text"),
    [
        (downloaded(50), 0.0, "50M of 200M"),
        (downloaded(100), 10.0 * MEGA, "100M of 200M, 10M/s"),
        (downloaded(100, 0), 10.0 * MEGA, "100M, 10M/s"),
        (events.Progress("", "add", "x", "extract", 10, 99, "files"), 10.4, "10 files, 10/s"),
    ],
)
def test_amounts(event: events.Progress, speed: float, text: str) -> None:
    assert bars.amount(event, speed) == text


def test_a_bar_is_drawn_and_cleared(clock: Clock, stage: Stage) -> None:
    terminal = stage.open()
    terminal(downloaded(10))
    assert not stage.text
    for second in (1, 2, 3):
        clock.now += 1
        terminal(downloaded(10 + 20 * second))
    assert "fetch base.txz" in stage.text
    assert "70M of 200M, 20M/s" in stage.text
    terminal(events.ProgressEnded("", "fetch release", "x", "fetch base.txz"))
    assert stage.text.count(HIDE) == stage.text.count(SHOW) == 1


def test_a_line_is_printed_between_two_drawings(clock: Clock, stage: Stage) -> None:
    terminal = stage.open()
    terminal(downloaded(1))
    clock.now += 1
    terminal(downloaded(2))
    terminal(events.Told("", "fetch release", "x", "trying again in 1 s"))
    assert stage.text.endswith("x: trying again in 1 s\n")
    terminal(downloaded(3))
    assert "3M of 200M" in stage.text.rpartition("\n")[2]


def test_a_download_begun_again(clock: Clock, stage: Stage) -> None:
    terminal = stage.open()
    for megabytes in (90, 95, 1, 2, 3):
        terminal(downloaded(megabytes))
        clock.now += 1
    assert "3M of 200M, 1M/s" in stage.text


def test_a_title_obeys_no_escape_and_no_markup(clock: Clock, stage: Stage) -> None:
    terminal = stage.open()
    for done in (1, 2):
        terminal(events.Progress("", "v", "x", "[red]\x1b[31mz", done, 9, "files"))
        clock.now += 1
    assert "[red]" in stage.text
    assert "\x1b[31mz" not in stage.text


@pytest.mark.parametrize("quiet", [True, False])
def test_no_bar(quiet: bool, clock: Clock, stage: Stage) -> None:
    terminal = stage.open(Screen() if quiet else io.StringIO(), quiet=quiet)
    terminal(downloaded(1))
    clock.now += 1
    terminal(downloaded(2))
    assert not stage.text


def test_without_rich_nothing_is_drawn(
    clock: Clock, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    terminal = stage.open()
    terminal(downloaded(1))
    clock.now += 1
    terminal(downloaded(2))
    assert not stage.text


def test_secrets_are_not_in_the_log_of_operations() -> None:
    words = ["set", "web", "vnc.password=abc", "params.env.TOKEN=abc", "env.X=abc", "meta=abc",
             "params.osrelease=abc", "description=env.x=1"]  # fmt: skip
    assert command_line(words) == [
        "set", "web", "vnc.password=…", "params.env.TOKEN=…", "env.X=…", "meta=…",
        "params.osrelease=abc", "description=env.x=1",
    ]  # fmt: skip
