"""The lines at the top: each host in one line, what matters most first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from bsdvirt.host.sanitize import shown_line
from bsdvirt.rows.usage import HostFigures, PoolSample
from bsdvirt.tui.desk import desk_of
from bsdvirt.tui.feed.model import HostState, Store
from bsdvirt.tui.widgets.line import CUT

HEALTHY = "ONLINE"
MOST_LINES = 6
"""Hosts for which there is a line each; the table shows the others' guests all the same."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the line. Those of the highest rank are left out first."""

    text: str
    rank: int
    style: str = ""


class HostLines(Widget):
    """A line for each host."""

    DEFAULT_CSS = "HostLines { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._hosts: list[list[Piece]] = []

    def update(self, store: Store, read_only: Mapping[str, str], key: str = "") -> None:
        """Show the hosts as they are now; `key` is the one that shows what `doctor` found."""
        states = list(store.hosts.values())[:MOST_LINES]
        hosts = [list(pieces(one, read_only.get(one.name, ""), key)) for one in states]
        if hosts == self._hosts:
            return
        if len(hosts) != len(self._hosts):
            self.styles.height = max(1, len(hosts))
        self._hosts = hosts
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, palette = self.size.width, desk_of(self).palette
        over = palette["heading"]
        text = _line(self._hosts[y], width, palette) if y < len(self._hosts) else Text("")
        strip = Strip(text.render(self.app.console))
        return Strip.apply_style(strip.adjust_cell_length(width), palette["text"] + over)


def pieces(state: HostState, read_only: str, key: str = "") -> Iterator[Piece]:
    """Yield what is said of a host."""
    figures = state.figures
    yield Piece(shown_line(state.name or (figures and figures.name) or "this host"), 0, "accent")
    if state.problem:
        yield Piece(shown_line(state.problem), 0, "bad")
        return
    if state.tick is None:
        yield Piece("is read for the first time", 0, "dim")
        return
    if read_only:
        yield Piece(f"read-only: {read_only}", 1, "warning")
    yield from _guests(state)
    if figures is not None:
        yield from _machine(figures)
        for pool in figures.pools:
            yield _pool(pool)
    yield from _problems(state, key)
    for note in state.tick.notes:
        yield Piece(shown_line(note), 8, "warning")


def _guests(state: HostState) -> Iterator[Piece]:
    running = sum(1 for guest in state.guests.values() if guest.row.state == "running")
    yield Piece(f"{running} of {len(state.guests)} running", 2)


def _machine(figures: HostFigures) -> Iterator[Piece]:
    if figures.release:
        yield Piece(f"FreeBSD {shown_line(figures.release)}", 9, "dim")
    if figures.load:
        yield Piece(f"load {figures.load[0]:.2f}", 6)
    if figures.cpu is not None:
        yield Piece(f"CPU {figures.cpu:.0f}%", 3, _level(figures.cpu, 80, 95))
    if figures.memory and figures.memory_used is not None:
        used = 100 * figures.memory_used / figures.memory
        yield Piece(f"memory {used:.0f}%", 4, _level(used, 85, 95))


def _pool(pool: PoolSample) -> Piece:
    used = 100 * pool.used / pool.size if pool.size else 0.0
    text = f"{shown_line(pool.name)} {used:.0f}%"
    if pool.health != HEALTHY:
        return Piece(f"{text} {shown_line(pool.health)}", 1, "bad")
    return Piece(text, 5, _level(used, 80, 90))


def _problems(state: HostState, key: str) -> Iterator[Piece]:
    shown = f" ({key})" if key else ""
    if state.unexamined:
        yield Piece(f"not examined: {shown_line(state.unexamined)}", 7, "dim")
    elif state.problems:
        noun = "problem" if state.problems == 1 else "problems"
        yield Piece(f"{state.problems} {noun}{shown}", 2, "bad")
    elif state.findings:
        noun = "notice" if len(state.findings) == 1 else "notices"
        yield Piece(f"{len(state.findings)} {noun}{shown}", 7, "warning")


def _level(value: float, warning: float, bad: float) -> str:
    if value < warning:
        return ""
    return "bad" if value >= bad else "warning"


def _line(parts: Sequence[Piece], width: int, palette: Mapping[str, Style]) -> Text:
    """Return the pieces that fit."""
    chosen = _fitting(parts, width - 1)
    line = Text(" ", no_wrap=True)
    for number, piece in enumerate(chosen):
        line.append("  " if number else "")
        line.append(piece.text, palette[piece.style] if piece.style else None)
    if line.cell_len > width:
        line.truncate(width - 1)
        line.append(CUT)
    return line


def _fitting(parts: Sequence[Piece], width: int) -> list[Piece]:
    left = width
    chosen = set()
    for number in sorted(range(len(parts)), key=lambda one: parts[one].rank):
        needed = Text(parts[number].text).cell_len + 2
        if needed <= left or parts[number].rank == 0:
            chosen.add(number)
            left -= needed
    return [part for number, part in enumerate(parts) if number in chosen]
