"""bsdvirt ls"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_guests, add_listing, open_session
from bsdvirt.cli.output import print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import EXIT_OK
from bsdvirt.guest.select import select
from bsdvirt.ops.show.guests import entries

COLUMNS = ("name", "kind", "state", "id", "jid", "addresses", "autostart", "release", "used")


class Options(Globals):
    guests: list[str]


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guests(parser)
    add_listing(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    rows, found = entries(session)
    if options.guests:
        states = {row.name: row.state for row in rows}
        names = select(options.guests, found, states.__getitem__, every=False, foreign=True)
        rows = [row for row in rows if row.name in names]
    for one in found.absent:
        say(f"{one.message}; {one.hint}")
    if not rows and not options.json and not options.headless:
        if options.guests:
            say(f"no guest matches {' '.join(options.guests)}")
        else:
            print("no guests yet: bsdvirt create jail NAME --start")
        return EXIT_OK
    roles = ("role",) if any(row.role for row in rows) and not options.headless else ()
    print_rows(rows, (*COLUMNS, *roles), options)
    return EXIT_OK
