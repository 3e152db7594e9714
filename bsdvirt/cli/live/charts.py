"""What guests used in the past, as charts and sparklines of a terminal. Pure."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from bsdvirt.cli.live.table import duration, text
from bsdvirt.host.sanitize import shown_line
from bsdvirt.ops.history.past import highest, values
from bsdvirt.rows.base import BYTES, PERCENT, RATE
from bsdvirt.rows.history import GuestPast, HostPast
from bsdvirt.tui.widgets.graph import averages, rows, scale, sparkline

Past = GuestPast | HostPast

HEIGHT = 3
"""Rows of a chart."""
AXIS = 8
"""Width of the axis at its left."""
LEAST_SPARK, MOST_SPARK = 6, 60
LABELS_EVERY = 24
"""Columns between two times below the charts."""
DAY = 86400


class Chart(Struct, frozen=True):
    """A figure, and the least top of its scale."""

    field: str
    title: str
    unit: str
    least: float = 1 << 10


OF_GUEST = (
    Chart("cpu", "CPU, of one", PERCENT, 100),
    Chart("memory", "memory", BYTES, 1 << 20),
    Chart("net_in", "network in", RATE),
    Chart("net_out", "network out", RATE),
    Chart("read", "disk read", RATE),
    Chart("written", "disk written", RATE),
)
OF_HOST = (
    Chart("cpu", "CPU, of all", PERCENT, 100),
    Chart("load", "load", "", 1),
    Chart("memory", "memory", BYTES, 1 << 20),
    Chart("arc", "ZFS's cache", BYTES, 1 << 20),
    Chart("swap", "swap", BYTES, 1 << 20),
)
SPARKS = (
    Chart("cpu", "CPU", PERCENT, 100),
    Chart("memory", "MEMORY", BYTES, 1 << 20),
    Chart("net_in", "NET-IN", RATE),
    Chart("net_out", "NET-OUT", RATE),
    Chart("written", "WRITTEN", RATE),
    Chart("read", "READ", RATE),
)
"""The figures of a line; what there is no room for is left out, the last first."""


def charts(past: Past, width: int, bars: str) -> list[str]:
    """Return the charts of a guest, or of the host, in that width; `bars` are characters from
    empty to full. A gap is blank, and nothing that was used is the lowest bar."""
    each = duration(past.step)
    when = f"{_time(past.begin)} to {_time(past.end)}"
    lines = [f"{past.name}  {when}, a value each {each}"]
    for chart in OF_HOST if past.kind == "host" else OF_GUEST:
        lines += _chart(past, chart, width, bars)
    return [line[:width].rstrip() for line in [*lines, *_times(past, width)]]


def _chart(past: Past, chart: Chart, width: int, bars: str) -> Iterator[str]:
    found = values(past, chart.field)
    known = [value for value in found if not math.isnan(value)]
    if not known:
        yield f"{chart.title:<13} nothing is known"
        return
    shown = averages(found, max(1, width - AXIS))
    top = scale(shown, chart.least)
    last, mean = _said(known[-1], chart), _said(sum(known) / len(known), chart)
    most = _said(highest(past, chart.field), chart)
    yield f"{chart.title:<13} last {last}, mean {mean}, most {most}"
    *upper, lowest = rows(shown, HEIGHT, top, bars)
    labels = [text(top, chart.unit), *("" for _ in upper[1:])]
    for label, row in zip(labels, upper, strict=True):
        yield f"{label:>{AXIS - 1}} {row}"
    yield f"{'0':>{AXIS - 1}} {_grounded(lowest, shown, bars)}"


def _said(value: float | None, chart: Chart) -> str:
    """Return a value as it is written beside its title."""
    if chart.unit == "" and value is not None:
        return f"{value:.2f}"
    return text(value, chart.unit) + ("/s" if chart.unit == RATE else "")


def _grounded(row: str, shown: Sequence[float], bars: str) -> str:
    """Return the lowest row, with a bar wherever a value is known: only a gap is blank."""
    return "".join(
        bars[1] if char == bars[0] and not math.isnan(value) else char
        for char, value in zip(row, shown, strict=True)
    )


def _times(past: Past, width: int) -> Iterator[str]:
    """Yield the line of times below the charts: each begins where it stands."""
    room = max(1, width - AXIS)
    line = " " * AXIS
    for at in range(0, room, LABELS_EVERY):
        word = _time(past.begin + at * (past.end - past.begin) // room)
        if at + len(word) <= room:
            line = line.ljust(AXIS + at) + word
    yield line


def _time(seconds: int) -> str:
    return time.strftime("%d %b %H:%M", time.localtime(seconds))


def sparks(pasts: Sequence[Past], width: int, bars: str) -> list[str]:
    """Return a heading, and a line of sparklines for each guest and the host, in that width."""
    name = max([4, *(len(past.name) for past in pasts)])
    count = len(SPARKS)
    while count > 1 and _room(width, name, count) < LEAST_SPARK:
        count -= 1
    room = max(LEAST_SPARK, min(MOST_SPARK, _room(width, name, count)))
    lines = ["NAME".ljust(name) + "".join(f"  {_title(c, room)}" for c in SPARKS[:count])]
    for past in pasts:
        cells = (_spark(past, chart, room, bars) for chart in SPARKS[:count])
        lines.append(shown_line(past.name).ljust(name) + "".join(f"  {cell}" for cell in cells))
    return [line[:width].rstrip() for line in lines]


NUMBER = 7
"""Width of the highest value, behind its sparkline."""


def _room(width: int, name: int, count: int) -> int:
    return (width - name) // count - 3 - NUMBER


def _title(chart: Chart, room: int) -> str:
    return f"{chart.title:<{room}} {'MOST':>{NUMBER}}"


def _spark(past: Past, chart: Chart, room: int, bars: str) -> str:
    found = values(past, chart.field) if hasattr(past.periods[0].mean, chart.field) else []
    shown = averages(found, room) if found else []
    top = max([chart.least, *(value for value in shown if not math.isnan(value))])
    line = _grounded(sparkline(shown, room, top, bars), shown or [math.nan] * room, bars)
    most = highest(past, chart.field) if found else None
    return f"{line} {text(most, chart.unit):>{NUMBER}}"
