"""`stats --since`: what was recorded, drawn, as JSON, or as comma-separated values."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence

from bsdvirt.cli.common import chosen
from bsdvirt.cli.output import print_json
from bsdvirt.cli.parser import Globals, terminal_columns
from bsdvirt.errors import UsageError
from bsdvirt.ops.history.past import Span, read_past
from bsdvirt.ops.history.ring import HOURS
from bsdvirt.ops.show.events import instant
from bsdvirt.rows.base import plain
from bsdvirt.rows.history import GuestPast, GuestUse, HostPast, HostUse
from bsdvirt.session.session import Session

LEAST_WIDTH = 40


class Wanted(Globals):
    """The options of `stats` for the past."""

    guests: list[str]
    since: str | None
    until: str | None
    host: bool
    csv: bool


def span(options: Wanted) -> Span:
    """Return the time that is asked for. Raises UsageError."""
    now = int(time.time())
    end = min(now, int(instant(options.until).timestamp())) if options.until else now
    # Nothing is kept for longer.
    begin = max(int(instant(options.since or "").timestamp()), now - HOURS.span)
    if begin >= end:
        raise UsageError(
            "--since must be before --until, and not in the future", "bsdvirt stats --since 6h"
        )
    return Span(begin, end)


def show_past(session: Session, options: Wanted) -> int:
    """Print what was recorded."""
    asked = span(options)
    names = chosen(session, options.guests, every=False) if options.guests else None
    pasts = read_past(session, asked, names, host=options.host)
    if options.json:
        print_json(plain(pasts))
    elif options.csv:
        _print_csv(pasts, HostUse if options.host else GuestUse)
    else:
        _draw(pasts)
    return 0


def _draw(pasts: Sequence[GuestPast | HostPast]) -> None:
    from bsdvirt.cli.live.charts import charts, sparks
    from bsdvirt.tui.widgets.glyphs import glyphs

    bars = glyphs().bars
    drawn = charts(pasts[0], width(), bars) if len(pasts) == 1 else sparks(pasts, width(), bars)
    print("\n".join(drawn))


def width() -> int:
    """Return the columns to draw in."""
    return max(LEAST_WIDTH, terminal_columns())


def _print_csv(pasts: Sequence[GuestPast | HostPast], use: type[GuestUse | HostUse]) -> None:
    """Print a line for each period of the guests, or of the host, with the mean and the highest
    value of each figure."""
    fields = use.__struct_fields__
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(
        ["name", "time", "step", *(n for field in fields for n in (field, f"{field}_most"))]
    )
    for past in pasts:
        for period in past.periods:
            if isinstance(period.mean, use):
                pairs = ((getattr(period.mean, f), getattr(period.most, f)) for f in fields)
                figures = [figure for pair in pairs for figure in pair]
                out.writerow([past.name, period.time, past.step, *figures])
