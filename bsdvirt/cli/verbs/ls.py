"""bsdvirt ls"""

from __future__ import annotations

import sys

from bsdvirt.cli.output import print_json, print_values, say
from bsdvirt.cli.streams import end_with_reader
from bsdvirt.errors import EXIT_OK, UsageError
from bsdvirt.facts.jls import read_jails
from bsdvirt.host.open import open_host
from bsdvirt.ops.show.guests import UNITS, fields_of
from bsdvirt.session.glance import glance

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from bsdvirt.cli.parser import Globals
    from bsdvirt.guest.inventory import Inventory

    class Options(Globals):
        guests: list[str]
        watch: bool
        delay: float


COLUMNS = ("name", "kind", "state", "id", "jid", "addresses", "autostart", "release", "used")


def arguments(parser: argparse.ArgumentParser) -> None:
    from bsdvirt.cli.common import add_guests, add_listing, seconds

    add_guests(parser)
    parser.add_argument(
        "-w", "--watch", action="store_true", help="show them again and again, with what they use"
    )
    parser.add_argument(
        "-d",
        "--delay",
        type=seconds,
        default=2.0,
        metavar="S",
        help="seconds, with -w (default: 2)",
    )
    add_listing(parser)


def run(options: Options) -> int:
    if options.watch:
        return _watch(options)
    rows, found = _read(options)
    if options.guests:
        from bsdvirt.guest.select import select

        states = {row["name"]: row["state"] for row in rows}
        names = select(options.guests, found, states.__getitem__, every=False, foreign=True)
        rows = [row for row in rows if row["name"] in names]
    for one in found.absent:
        say(f"{one.message}; {one.hint}")
    if not rows and not options.json and not options.headless:
        if options.guests:
            say(f"no guest matches {' '.join(options.guests)}")
        else:
            print("no guests yet: bsdvirt create jail NAME --start")
        return EXIT_OK
    if options.json:
        print_json(_plain(rows))
        return EXIT_OK
    roles = any("role" in row for row in rows) and not options.headless
    columns = (*COLUMNS, "role") if roles else COLUMNS
    units = [[UNITS.get(column, "") for column in columns]] * len(rows)
    values = [[row.get(column) for column in columns] for row in rows]
    print_values(values, columns, units, headless=options.headless)
    return EXIT_OK


def _read(options: Options) -> tuple[list[dict[str, Any]], Inventory]:
    """Return the fields of each guest's row, and the guests."""
    if options.asking is None:
        host = open_host(options.sim)
        end_with_reader()
        if (read := glance(host)) is not None:
            found = read()
            return fields_of(host.fs, found, read_jails(host)), found
    from bsdvirt.cli.common import open_session
    from bsdvirt.host.ahead import begin

    session = open_session(options, changes=False, shows=True)
    jails = begin(lambda: read_jails(session.host))
    found = session.inventory(shallow=True)
    return fields_of(session.host.fs, found, jails()), found


def _plain(rows: list[dict[str, Any]]) -> Any:
    """Return rows as plain data, in the order of their declaration."""
    if not any("role" in row for row in rows):
        return rows
    # Imported here: few guests are on several hosts.
    from bsdvirt.rows.base import plain
    from bsdvirt.rows.guest import GuestRow

    return plain([GuestRow(**row) for row in rows])


def _watch(options: Options) -> int:
    import contextlib

    from bsdvirt.cli.common import open_session

    session = open_session(options, changes=False, shows=True)
    if options.json or options.headless or not sys.stdout.isatty():
        raise UsageError("-w needs a terminal", "bsdvirt top --json, for scripts")
    from bsdvirt.cli.live.listing import watch

    with contextlib.suppress(KeyboardInterrupt):
        return watch(session, options.guests, options.delay)
    return EXIT_OK
