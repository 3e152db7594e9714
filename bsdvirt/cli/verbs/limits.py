"""bsdvirt limits"""

from __future__ import annotations

import argparse
from typing import Annotated

from bsdvirt.cli.common import add_guests, add_listing, chosen, open_session
from bsdvirt.cli.output import print_rows, with_unit
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.show.limits import limits
from bsdvirt.rows.base import Row, col
from bsdvirt.rows.usage import LimitRow

COLUMNS = ("name", "resource", "action", "limit", "used", "percent", "hits", "last_hit")


class Options(Globals):
    guests: list[str]


class _Shown(Row, frozen=True, kw_only=True):
    """A limit as people read it: its numbers with the unit of its resource."""

    name: Annotated[str, col("Name of the guest.")]
    resource: Annotated[str, col("Resource of rctl(8).")]
    action: Annotated[str, col("What rctl(8) does at the limit.")]
    limit: Annotated[str, col("The limit.")]
    used: Annotated[str, col("What is used.")]
    percent: Annotated[str, col("What is used, of the limit.")]
    hits: Annotated[str, col("How often it was reached within the last day.")]
    last_hit: Annotated[str, col("When it was reached last.")]


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guests(parser)
    add_listing(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    names = chosen(session, options.guests, every=False) if options.guests else None
    rows = limits(session, names)
    if options.json or options.headless:
        print_rows(rows, COLUMNS, options)
    elif rows:
        print_rows([_shown(row) for row in rows], COLUMNS, options)
    else:
        print("no limits are in force: bsdvirt set NAME limits.memoryuse=2G")
    return 0


def _shown(row: LimitRow) -> _Shown:
    return _Shown(
        name=row.name,
        resource=f"{row.resource}/{row.per}" if row.per else row.resource,
        action=row.action,
        limit=with_unit(row.limit, row.unit),
        used=with_unit(row.used, row.unit),
        percent="-" if row.percent is None else f"{row.percent:.0f}%",
        hits="-" if row.hits is None else str(row.hits),
        last_hit=row.last_hit or "-",
    )
