"""What was recorded, as people see it: drawings are compared whole."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsdvirt.cli.live.charts import charts, sparks
from bsdvirt.cli.live.listing import lines_of
from bsdvirt.ops.history.past import HOST_NAMES
from bsdvirt.ops.history.recent import Lately, Trail
from bsdvirt.ops.history.ring import FIGURES, GUEST, HOST, Record
from bsdvirt.rows.guest import GuestRow
from bsdvirt.rows.history import (
    GuestPast,
    GuestPeriod,
    GuestUse,
    HostPast,
    HostPeriod,
    HostUse,
)
from bsdvirt.rows.usage import GuestFigures
from bsdvirt.tui.feed.history import MOST_KEPT, History
from bsdvirt.tui.widgets.glyphs import ASCII, UTF8
from bsdvirt.tui.widgets.graph import averages

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "charts"
BEGIN = 1_800_000_000
STEP = 300
MB = 1 << 20


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def guest(name: str, turn: float = 0.0) -> GuestPast:
    """A day of a guest: busy in waves, a gap of four hours, never a byte read, and network traffic
    that was not known."""
    periods = []
    for number in range(288):
        if 96 <= number < 144:
            continue
        wave = 50 + 50 * math.sin(number / 20 + turn)
        use = GuestUse(
            cpu=wave, memory=(256 + wave) * MB, processes=12.0, net_in=wave * 1000, net_out=None,
            read=0.0, written=wave * 100, used=9e9,
        )  # fmt: skip
        most = GuestUse(
            cpu=2 * wave, memory=512.0 * MB, processes=12.0, net_in=wave * 4000, net_out=None,
            read=0.0, written=wave * 500, used=9e9,
        )  # fmt: skip
        periods.append(GuestPeriod(time=BEGIN + number * STEP, samples=30, mean=use, most=most))
    return GuestPast(
        name=name, kind="jail", begin=BEGIN, end=BEGIN + 86400, step=STEP, periods=periods
    )


def host() -> HostPast:
    use = HostUse(
        cpu=12.5, memory=3e9, arc=9e9, swap=0.0, load=1.25, guests=2.0, used=50e9,
    )  # fmt: skip
    periods = [
        HostPeriod(time=BEGIN + number * STEP, samples=30, mean=use, most=use)
        for number in range(144, 288)
    ]
    return HostPast(
        name="host", kind="host", begin=BEGIN, end=BEGIN + 86400, step=STEP, periods=periods
    )


@pytest.mark.parametrize("name", ["guest", "guest-ascii", "host", "all", "all-ascii"])
def test_drawings(name: str) -> None:
    lines = {
        "guest": lambda: charts(guest("web"), 80, UTF8.bars),
        "guest-ascii": lambda: charts(guest("web"), 60, ASCII.bars),
        "host": lambda: charts(host(), 80, UTF8.bars),
        "all": lambda: sparks([host(), guest("web"), guest("database", 2.0)], 120, UTF8.bars),
        "all-ascii": lambda: sparks([host(), guest("web")], 60, ASCII.bars),
    }[name]()
    path = GOLDEN / f"{name}.txt"
    text = "".join(f"{line}\n" for line in lines)
    if "BSDVIRT_GOLDEN" in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert text.isascii() == name.endswith("ascii")


@pytest.mark.parametrize("width", [40, 79, 80, 133, 250])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for lines in (charts(guest("web"), width, UTF8.bars), sparks([guest("web")], width, UTF8.bars)):
        assert max(map(len, lines)) <= width


def test_columns_are_means_and_gaps_stay() -> None:
    nan = math.nan
    assert averages([1.0, 3.0, nan, nan, 5.0, nan], 3)[0] == 2.0
    assert math.isnan(averages([1.0, 3.0, nan, nan, 5.0, nan], 3)[1])
    assert averages([1.0, 3.0, nan, nan, 5.0, nan], 3)[2] == 5.0
    assert averages([1.0, 2.0], 4) == [1.0, 1.0, 2.0, 2.0]


def test_the_figures_of_records_have_their_names() -> None:
    assert GuestUse.__struct_fields__ == GUEST
    assert set(GUEST) <= set(GuestFigures.__struct_fields__)
    assert len(HOST_NAMES) == len(HOST) <= FIGURES
    assert [name.removesuffix("_used") for name in HOST[:-1]] == list(HOST_NAMES[:-1])


def row(name: str, state: str = "running") -> GuestRow:
    return GuestRow(
        name=name, kind="jail", state=state, id=1, jid=1, addresses=["10.77.0.2/24"],
        autostart=False, release="15.1-RELEASE", used=1, tags=[], pool="zroot", networks=[],
        root="zroot", boot_order=None,
    )  # fmt: skip


def test_the_list_has_what_guests_use_and_a_trail() -> None:
    trail = Trail(10)
    trail.begin(1000, [0.0, 100.0, math.nan])
    trail.add(1005, 50.0)
    trail.add(1031, 100.0)
    assert [value for value in trail.values if value == value] == [0.0, 100.0, 50.0, 100.0]
    used = GuestFigures(
        name="web", kind="jail", cpu=99.5, memory=64 * MB, net_in=10.0, net_out=None
    )
    rows = [row("web"), row("db", "stopped")]
    lines = lines_of(rows, {"web": used}, {"web": trail, "db": Trail(10)}, 80, ASCII.bars)
    assert lines[0].split() == [
        "NAME",
        "KIND",
        "STATE",
        "ADDRESS",
        "CPU",
        "MEMORY",
        "NET-IN",
        "NET-OUT",
    ]
    assert lines[1].split()[:5] == ["web", "jail", "running", "10.77.0.2", "99.5%"]
    assert lines[1].endswith("  @=  @     64M     10B        -")
    assert lines[2].split() == ["db", "jail", "stopped", "10.77.0.2", "-", "-", "-", "-"]
    assert {len(line) for line in lines} == {80}


def test_a_graph_goes_on_from_what_was_recorded() -> None:
    figures = (50.0, 64.0 * MB, *(0.0,) * (FIGURES - 2))
    records = tuple(Record(100 + n, 1, figures, figures) for n in range(10) if n != 5)
    lately = Lately(10, 1100, records)
    history = History()
    history.begin(lately, 1.0)
    cpu = list(history.cpu)
    assert len(cpu) == 100
    assert [n for n, value in enumerate(cpu) if math.isnan(value)] == list(range(50, 60))
    assert list(history.memory)[-1] == 64 * MB
    history.begin(Lately(10, 1104, records), 0.01)
    assert len(history.cpu) == MOST_KEPT
    assert not math.isnan(history.cpu.last(1)[0])
