"""bsdvirt upgrade"""

from __future__ import annotations

import argparse
from typing import get_args

from bsdvirt.cli.common import (
    GuestOptions,
    add_change,
    add_guest,
    apply_one,
    confirm,
    must_confirm,
    open_session,
    report,
)
from bsdvirt.errors import UsageError
from bsdvirt.library import release_add
from bsdvirt.ops.power.restart import around
from bsdvirt.ops.upgrade import jail
from bsdvirt.plan.step import Resolution
from bsdvirt.session.prepared import Request


class Options(GuestOptions):
    release: str | None
    no_fetch: bool
    conflicts: Resolution | None
    restart: bool
    back: bool
    drop: bool
    yes: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument(
        "--release", metavar="R", help="release to upgrade to; default: its own, as updated"
    )
    parser.add_argument("--no-fetch", action="store_true", help="fail if the release is missing")
    parser.add_argument(
        "--conflicts", choices=get_args(Resolution),
        help="version that is kept of what the jail and the release have both changed",
    )  # fmt: skip
    parser.add_argument(
        "--restart", action="store_true", help="stop the jail if it runs, and start it again"
    )
    parser.add_argument(
        "--back", action="store_true", help="return to the root from before the last upgrade"
    )
    parser.add_argument("--drop", action="store_true", help="destroy that root")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    add_change(parser)


def run(options: Options) -> int:
    name = options.guest
    if options.back and options.drop:
        raise UsageError("--back and --drop exclude each other", "choose one")
    if (options.back or options.drop) and (options.release or options.conflicts):
        raise UsageError(
            "--release and --conflicts are for an upgrade, not for --back or --drop",
            "omit them",
        )
    session = open_session(options, changes=True)
    if options.drop:
        if must_confirm(options, yes=options.yes):
            confirm(options, f"Destroy the old root of {name}?", jail.what_goes(session, name))
        return apply_one(options, jail.Drop(name), session)
    request: Request = jail.Back(name)
    if not options.back:
        release = options.release or ""
        if release:
            home = session.inventory(shallow=True).home(name)
            release_add.provide(session, release, fetch=not options.no_fetch, pool=home)
        request = jail.Upgrade(name, release, options.conflicts or "")
    if options.restart:
        return report([around(session, name, request)], options)
    return apply_one(options, request, session)
