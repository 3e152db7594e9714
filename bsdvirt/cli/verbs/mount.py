"""bsdvirt mount"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    GuestOptions,
    add_change,
    add_guest,
    add_headless,
    apply,
    open_session,
)
from bsdvirt.cli.output import print_rows
from bsdvirt.ops import mounts

COLUMNS = ("name", "type", "source", "target", "readonly", "mounted")


class Options(GuestOptions):
    source: str | None
    readonly: bool
    label: str


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE[:TARGET]",
        help="directory of the host, and its mount point in the jail; without it: list the "
"mounts",
    )  # fmt: skip
    parser.add_argument("--ro", dest="readonly", action="store_true", help="mount it read-only")
    parser.add_argument("--name", dest="label", default="", help="name of the mount")
    add_headless(parser)
    add_change(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=options.source is not None)
    if options.source is None:
        rows = mounts.listed(session, options.guest)
        print_rows(rows, COLUMNS, options)
        return 0
    source, _, target = options.source.partition(":")
    wanted = mounts.AddMount(options.guest, source, target, options.readonly, options.label)
    return apply(options, wanted, session)
