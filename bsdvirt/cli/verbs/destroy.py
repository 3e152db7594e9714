"""bsdvirt destroy"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    Selection,
    add_change,
    add_selectors,
    apply,
    chosen,
    confirm,
    must_confirm,
    open_session,
)
from bsdvirt.guest.destroy import what_goes
from bsdvirt.ops.destroy import Destroy, dangling


class Options(Selection):
    yes: bool
    force: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_selectors(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help="even if it is running or in use")
    add_change(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    names = chosen(session, options.guests, every=options.all, foreign=True)
    if names and must_confirm(options, yes=options.yes):
        found = session.inventory()
        lines: list[str] = []
        for name in names:
            guest = found.foreign[name].as_guest() if name in found.foreign else found.guest(name)
            lines += what_goes(guest, session.zfs.snapshots(guest.dataset))
            lines += dangling(session, found, name, names)
        confirm(options, f"Destroy {', '.join(names)} for good?", lines)
    return apply(options, Destroy(tuple(names), options.force), session)
