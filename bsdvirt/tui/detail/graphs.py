"""What a guest used in the last minutes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from textual import events

from bsdvirt.rows.sizes import human_size
from bsdvirt.tui.actions.action import Subject
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.detail.lines import Line
from bsdvirt.tui.detail.summary import period
from bsdvirt.tui.detail.tab import TextTab
from bsdvirt.tui.feed.history import History, Ring
from bsdvirt.tui.feed.model import GuestState
from bsdvirt.tui.widgets.graph import columns, rows, scale

LEAST = 2
MOST = 8
"""Rows of a graph."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph: where its values come from, and how they are written."""

    title: str
    ring: Callable[[History], Ring]
    text: Callable[[float], str]
    least: float
    """The least top of its scale."""


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _bytes(value: float) -> str:
    return human_size(int(value))


def _rate(value: float) -> str:
    return f"{human_size(int(value))}/s"


GRAPHS = (
    Graph("CPU, of one", lambda h: h.cpu, _percent, 100),
    Graph("memory", lambda h: h.memory, _bytes, 1 << 20),
    Graph("network in", lambda h: h.net_in, _rate, 1 << 10),
    Graph("network out", lambda h: h.net_out, _rate, 1 << 10),
    Graph("disk read", lambda h: h.read, _rate, 1 << 10),
    Graph("disk written", lambda h: h.written, _rate, 1 << 10),
)


class GraphsTab(TextTab):
    name_ = "graphs"
    title = "Graphs"
    kinds = frozenset({"jail", "vm"})

    def __init__(self) -> None:
        super().__init__()
        self._state: GuestState | None = None

    async def load(self, guest: Subject) -> None:
        """Nothing is asked: the figures come with each tick."""

    def refresh_from(self, guest: GuestState | None) -> None:
        self._state = guest
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if self._state is None or not width:
            return
        each = max(LEAST, min(MOST, height // len(GRAPHS) - 1))
        seconds = desk_of(self).settings.interval
        bars = desk_of(self).glyphs.bars
        lines = [
            line
            for graph in GRAPHS
            for line in _lines(graph, self._state.history, width - 1, each, seconds, bars)
        ]
        self.lines.show(lines)


def _lines(
    graph: Graph, history: History, width: int, height: int, seconds: float, bars: str
) -> Iterator[Line]:
    values = list(graph.ring(history))
    known = [one for one in values if not math.isnan(one)]
    now = graph.text(values[-1]) if values and not math.isnan(values[-1]) else "-"
    top = scale(values, graph.least)
    most = f"most {graph.text(max(known))}, top {graph.text(top)}" if known else "nothing is known"
    covered = len(values) * seconds
    span = f", last {period(covered)}" if covered >= 1 else ""
    yield ((f" {graph.title:<13}", "heading"), (f" {now:<10}", ""), (f"{most}{span}", "dim"))
    for row in rows(columns(values, width), height, top, bars):
        yield ((f" {row}", "accent"),)
