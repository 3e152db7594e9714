"""The parts of the overview by themselves: filters, columns, sparklines, figures over time."""

from __future__ import annotations

import gc
import importlib.util
import math
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from bsdvirt.errors import UsageError
from bsdvirt.rows.usage import HostFigures, HostSample, PoolSample, Sample
from bsdvirt.tui.feed.history import Ring
from bsdvirt.tui.feed.model import HostState, Store, Tick
from bsdvirt.tui.views.cells import duration, percent, share, size
from bsdvirt.tui.views.filters import Fields, completed, offers, parse
from bsdvirt.tui.views.guests import COLUMNS, FIELDS
from bsdvirt.tui.views.registry import VIEWS
from bsdvirt.tui.widgets.columns import fit
from bsdvirt.tui.widgets.graph import sparkline
from bsdvirt.tui.widgets.hostline import pieces
from bsdvirt.tui.widgets.line import Cell, changed

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, str]
ROWS: list[Row] = [
    {"name": "web1", "state": "running", "tags": "prod www", "address": "10.0.0.1"},
    {"name": "web2", "state": "stopped", "tags": "test www", "address": "10.0.0.2"},
    {"name": "db", "state": "running", "tags": "prod", "address": "fd00::5"},
]
OF_ROWS: Fields[Row] = Fields(
    lambda row: (row["name"], row["address"]),
    {"state": lambda row: (row["state"],), "tag": lambda row: row["tags"].split()},
)


def _invented(count: int) -> Any:
    spec = importlib.util.spec_from_file_location("ui_source", ROOT / "bench" / "ui_source.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module.Invented(count)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "web1 web2 db"),
        ("web", "web1 web2"),
        ("WEB", "web1 web2"),
        ("!web", "db"),
        ("web !2", "web1"),
        ("w*1", "web1"),
        ("eb*", ""),
        ("tag:prod", "web1 db"),
        ("tag:pro", ""),
        ("tag:pr*", "web1 db"),
        ("!tag:www", "db"),
        ("tag:prod state:running web", "web1"),
        ("state:stopped,paused", "web2"),
        ("state:", "web1 web2 db"),
        ("!", "web1 web2 db"),
        ("re:^web[12]$", "web1 web2"),
        ("!re:2$", "web1 db"),
        ("fd00::5", "db"),
        ("fd:", ""),
    ],
)
def test_a_filter_lets_through(text: str, names: str) -> None:
    test = parse(text, OF_ROWS)
    assert [row["name"] for row in ROWS if test is None or test(row)] == names.split()


@pytest.mark.parametrize(
    ("text", "why"), [("nix:x", "no filter nix:"), ("web re:(", "re: "), ("!host:a", "no filter")]
)
def test_a_filter_that_is_not_understood(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse(text, OF_ROWS)


@pytest.mark.parametrize(
    ("text", "words", "after"),
    [
        ("st", ["state:"], "state:"),
        ("web st", ["state:"], "web state:"),
        ("state:r", ["state:running"], "state:running"),
        ("state:", ["state:running", "state:stopped"], "state:"),
        ("!tag:p", ["!tag:prod"], "!tag:prod"),
        ("tag:test,w", ["tag:test,www"], "tag:test,www"),
        ("web ", [], "web "),
        ("nix:x", [], "nix:x"),
    ],
)
def test_the_last_word_is_completed(text: str, words: list[str], after: str) -> None:
    found = offers(text, OF_ROWS, ROWS)
    assert found == words
    assert completed(text, found) == after


def test_guests_can_be_asked_for_what_the_issue_names() -> None:
    assert {"tag", "state", "kind", "network", "host"} <= FIELDS.keys.keys()


@pytest.mark.parametrize(
    ("width", "first", "missing"),
    [
        (40, "name state cpu", "memory"),
        (79, "name kind state cpu memory disk address uptime", "in"),
    ],
)
def test_columns_that_matter_less_are_left_out(width: int, first: str, missing: str) -> None:
    fitted = fit(COLUMNS, width)
    ids = [column.id for column, _ in fitted]
    assert ids == first.split()
    assert missing not in ids
    assert sum(cells + 1 for _, cells in fitted) <= width


def test_all_columns_fit_a_wide_screen() -> None:
    assert [column.id for column, _ in fit(COLUMNS, 159)] == [column.id for column in COLUMNS]


def test_sparklines() -> None:
    bars = " 12345678"
    assert sparkline([0, 50, 100], 3, 100, bars) == " 48"
    assert sparkline([100, 1], 4, 100, bars) == "  81"
    assert sparkline([math.nan, 100], 2, 100, bars) == " 8"
    assert sparkline([1, 2, 100], 1, 100, bars) == "8"


def test_a_ring_keeps_the_last_values() -> None:
    ring = Ring(3)
    ring.append(None)
    assert len(ring) == 0
    for value in (1, 2, 3, 4):
        ring.append(value)
    assert list(ring) == [2, 3, 4]
    assert ring.last(2) == [3, 4]
    ring.append(None)
    assert math.isnan(ring.last(1)[0])


def test_cells() -> None:
    assert [duration(one) for one in (None, 59, 60, 3600 * 3 + 300, 86400 * 2 + 7200)] == [
        "-", "59s", "1m", "3h05m", "2d02h",
    ]  # fmt: skip
    assert [percent(one) for one in (None, 0.04, 12.34, 250.4)] == ["-", "0.0", "12.3", "250"]
    assert [size(one) for one in (None, 0, 1536)] == ["-", "0", "1.5K"]
    assert share(1 << 20, 1 << 30) == "1M/1G"
    assert share(1 << 20, None) == "1M"


def test_only_what_has_changed_of_a_line_is_drawn() -> None:
    before = (Cell("a", 4, gap=1), Cell("b", 4, gap=1), Cell("c", 4, gap=1))
    after = (before[0], Cell("x", 4, gap=1), before[2])
    assert changed(before, after, 80) == (5, 10)
    assert changed(None, after, 80) == (0, 80)
    assert changed(before, after[:2], 80) == (0, 80)


def _host(**values: Any) -> HostState:
    state = HostState("")
    state.tick = Tick("", 0.0, notes=tuple(values.pop("notes", ())))
    state.figures = HostFigures(cpus=2, racct=True, **values)
    return state


def test_the_line_of_a_host_says_what_is_wrong_with_its_pools() -> None:
    pools = [
        PoolSample(name="a", size=100, used=95, free=5, health="ONLINE"),
        PoolSample(name="b", size=100, used=10, free=90, health="DEGRADED"),
        PoolSample(name="c", size=0, used=0, free=0, health="FAULTED"),
    ]
    said = {piece.text: piece.style for piece in pieces(_host(pools=pools, cpu=96.0), "")}
    assert said["a 95%"] == "bad"
    assert said["b 10% DEGRADED"] == "bad"
    assert said["c 0% FAULTED"] == "bad"
    assert said["CPU 96%"] == "bad"


def test_what_a_host_or_a_pool_is_called_is_harmless() -> None:
    said = [piece.text for piece in pieces(_host(name="x\x1b[2J", notes=["pool \x07"]), "")]
    assert not [text for text in said if "\x1b" in text or "\x07" in text]


def test_figures_come_with_the_second_sample_and_a_lost_sample_is_bridged() -> None:
    source = _invented(4)
    store = Store([""])
    store.take(source.tick())
    guest = next(one for one in store.guests() if one.row.name == "guest001")
    assert guest.figures is not None
    assert (guest.figures.cpu, guest.figures.memory is None) == (None, False)
    lost = source.tick()
    store.take(Tick("", lost.at, lost.guests))
    assert guest.figures is None
    store.take(source.tick())
    assert guest.figures is not None
    assert guest.figures.net_in == 1000.0
    # What was not known is a gap in the graph.
    assert len(guest.history.memory) == 3
    assert math.isnan(list(guest.history.memory)[1])


def test_a_host_that_was_not_read_keeps_its_guests() -> None:
    source = _invented(4)
    store = Store([""])
    store.take(source.tick())
    store.take(Tick("", 1.0, problem="no answer"))
    assert len(list(store.guests())) == 4
    assert store.hosts[""].problem == "no answer"
    assert store.hosts[""].figures is None


def test_a_renamed_guest_keeps_its_history() -> None:
    host = HostSample(time=0.0, cpus=2, racct=True)
    tick = _invented(2).tick()
    store = Store([""])
    store.take(tick)
    before = next(store.guests())
    renamed = type(tick.guests[0])(
        **{key: getattr(tick.guests[0], key) for key in tick.guests[0].__struct_fields__}
        | {"name": "other"}
    )
    store.take(Tick("", 1.0, (renamed, *tick.guests[1:]), sample=Sample(host=host, guests=[])))
    assert next(store.guests()) is before
    assert before.row.name == "other"


def test_memory_does_not_grow_with_ticks() -> None:
    """bench/ui.py --soak does the same with the whole UI, for an hour of ticks."""
    source = _invented(5)
    store = Store([""])

    def run(ticks: int) -> int:
        for _ in range(ticks):
            store.take(source.tick())
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        settled = run(320)
        assert run(320) - settled < 50_000
    finally:
        tracemalloc.stop()


def test_the_first_screen_waits_for_no_more_than_it_shows() -> None:
    """bench/ui.py --paint measures it. What reads the host is imported by the thread that reads;
    other views, forms and screens when they are opened."""
    script = (
        "import sys, bsdvirt.tui.app, bsdvirt.tui.feed.local\n"
        "print('\\n'.join(name for name in sys.modules if name.startswith('bsdvirt.')))"
    )
    shown = subprocess.run(
        (sys.executable, "-c", script), cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(shown.stdout.split())
    rooms = ("ops", "library", "session", "guest", "jail", "bhyve", "zfs", "spec", "tui.screens")
    assert not {name for name in loaded if name.startswith(tuple(f"bsdvirt.{r}" for r in rooms))}
    views = {name for name in loaded if name.startswith("bsdvirt.tui.views.")}
    assert not {f"bsdvirt.tui.views.{id}" for id in VIEWS if id != "guests"} & views


def test_every_view_is_made_under_its_own_id() -> None:
    for id, make in VIEWS.items():
        assert make().name_ == id
