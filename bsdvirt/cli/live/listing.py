"""`ls -w`: the guests, and what they use, again and again on a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from bsdvirt.cli.live.table import text
from bsdvirt.cli.live.terminal import Terminal
from bsdvirt.cli.live.watch import NOW, QUIT
from bsdvirt.cli.output import cell
from bsdvirt.cli.streams import one_line
from bsdvirt.cpu.accounting import figures
from bsdvirt.errors import BsdvirtError
from bsdvirt.guest.inventory import Inventory
from bsdvirt.guest.select import select
from bsdvirt.ops.history.recent import Trail, read_lately
from bsdvirt.ops.history.ring import GUEST
from bsdvirt.ops.show.guests import listing
from bsdvirt.ops.show.kept import Kept
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.rows.base import BYTES, PERCENT, RATE
from bsdvirt.rows.guest import GuestRow
from bsdvirt.rows.usage import GuestFigures, Sample
from bsdvirt.session.again import Again
from bsdvirt.session.session import Session
from bsdvirt.tui.widgets.graph import sparkline

CPU = GUEST.index("cpu")
ONE_CPU = 100.0
TRAIL = 120
"""Values that are read of what was recorded."""
LEAST_SPARK = 6
TITLES = ("NAME", "KIND", "STATE", "ADDRESS", "CPU", "", "MEMORY", "NET-IN", "NET-OUT")
SPARK = 5
"""The column with the sparkline."""
RIGHT = range(SPARK - 1, len(TITLES))


class Watched(Struct, dict=True):
    """The guests of a host, as they were read last."""

    again: Again
    words: Sequence[str]
    delay: float
    rows: list[GuestRow] = field(default_factory=list)
    used: dict[str, GuestFigures] = field(default_factory=dict)
    trails: dict[str, Trail] = field(default_factory=dict)
    _kept: Kept = field(default_factory=Kept)
    _before: Sample | None = None

    def read(self) -> None:
        """Read guests and what they use. Raises BsdvirtError."""
        session = self.again.session()
        rows, found, jails = listing(session)
        if self.words:
            states = {row.name: row.state for row in rows}
            names = select(self.words, found, states.__getitem__, every=False, foreign=True)
            rows = [row for row in rows if row.name in names]
        self.rows = rows
        sample = read_sample(session, found, self._kept, jails=jails)
        made = figures(self._before or sample, sample)
        self._before = sample
        self.used = {one.name: one for one in made.guests}
        self._add(session, found)

    def _add(self, session: Session, found: Inventory) -> None:
        """Add to the trails of the guests; a new one begins with what was recorded of it."""
        now = time.time()
        new = [row.name for row in self.rows if row.name not in self.trails]
        guests = [found.guests[name] for name in new if name in found.guests]
        lately = read_lately(session, guests, TRAIL)
        for name in new:
            before = lately.get(name)
            trail = self.trails[name] = Trail(before.step if before else self.delay)
            if before is not None:
                trail.begin(now, before.means(CPU, before.step, TRAIL))
        for row in self.rows:
            used = self.used.get(row.name)
            self.trails[row.name].add(now, used.cpu if used else None)
        self.trails = {row.name: self.trails[row.name] for row in self.rows}


def watch(session: Session, words: Sequence[str], delay: float) -> int:
    """Show the guests on the terminal until q is pressed."""
    from bsdvirt.tui.widgets.glyphs import glyphs

    watched, bars, error = Watched(Again(session.host), words, delay), glyphs().bars, ""
    due = time.monotonic()
    with Terminal() as terminal:
        terminal.draw(["reading the host"], -1)
        while True:
            keys = terminal.keys(max(0.0, due - time.monotonic()))
            if QUIT in keys:
                return 0
            if keys and NOW not in keys:
                continue
            try:
                watched.read()
                error = ""
            except BsdvirtError as failed:
                error = one_line(failed)
            due = time.monotonic() + delay
            width, _ = terminal.size()
            lines = lines_of(watched.rows, watched.used, watched.trails, width, bars)
            terminal.draw([*lines, "", error or "q quits"], 0)


def lines_of(
    rows: Sequence[GuestRow],
    used: Mapping[str, GuestFigures],
    trails: Mapping[str, Trail],
    width: int,
    bars: str,
) -> list[str]:
    """Return a heading, and a line for each guest; the sparkline is as wide as there is room."""
    cells = [list(TITLES), *(_cells(row, used.get(row.name)) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(TITLES))]
    widths[SPARK] = max(LEAST_SPARK, min(TRAIL, width - sum(widths) - 2 * (len(TITLES) - 1)))
    for line, row in zip(cells[1:], rows, strict=True):
        values = list(trails[row.name].values)
        shown = values[-widths[SPARK] :]
        top = max([ONE_CPU, *(value for value in shown if value == value)])
        line[SPARK] = sparkline(values, widths[SPARK], top, bars)
    return [
        "  ".join(
            word.rjust(wide) if at in RIGHT else word.ljust(wide)
            for at, (word, wide) in enumerate(zip(line, widths, strict=True))
        ).rstrip()[:width]
        for line in cells
    ]


def _cells(row: GuestRow, used: GuestFigures | None) -> list[str]:
    first = row.addresses[0].partition("/")[0] if row.addresses else ""
    shown = (
        (used.cpu, PERCENT), (used.memory, BYTES), (used.net_in, RATE), (used.net_out, RATE),
    ) if used is not None else ((None, PERCENT),) * 4  # fmt: skip
    cpu, memory, net_in, net_out = (text(value, unit) for value, unit in shown)
    return [
        cell(row.name),
        cell(row.kind),
        cell(row.state),
        cell(first),
        cpu,
        "",
        memory,
        net_in,
        net_out,
    ]
