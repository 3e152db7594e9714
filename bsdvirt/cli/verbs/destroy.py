"""bsdvirt destroy"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    add_dry_run,
    add_json,
    add_selectors,
    chosen,
    confirm,
    open_session,
    report,
)
from bsdvirt.cli.main import Globals
from bsdvirt.guest.destroy import what_goes
from bsdvirt.ops.destroy import Destroy, dangling
from bsdvirt.session.prepared import carry_out


class Options(Globals):
    guests: list[str]
    all: bool
    yes: bool
    force: bool
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_selectors(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help="even if it is running or in use")
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    names = chosen(session, options.guests, every=options.all, foreign=True)
    if names and not options.yes and not options.dry_run:
        found = session.inventory()
        lines: list[str] = []
        for name in names:
            guest = found.foreign[name].as_guest() if name in found.foreign else found.guest(name)
            lines += what_goes(guest, session.zfs.snapshots(guest.dataset))
            lines += dangling(session, found, name, names)
        confirm(f"Destroy {', '.join(names)} for good?", yes=False, what=lines)
    outcomes = carry_out(session, Destroy(tuple(names), options.force))
    return report(outcomes, options, as_json=options.json)
