"""bsdvirt init"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, open_session
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.init import Init
from bsdvirt.session.prepared import carry_out_one


class Options(Globals):
    pool: str
    dataset: str | None
    mountpoint: str | None
    no_nat: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pool", required=True, metavar="POOL", help="ZFS pool for the guests")
    parser.add_argument(
        "--dataset", metavar="DATASET", help="dataset of that pool (default: POOL/bsdvirt)"
    )
    parser.add_argument("--root", dest="dataset", help=argparse.SUPPRESS)
    parser.add_argument("--mountpoint", metavar="DIR", help="mount point (default: /bsdvirt)")
    parser.add_argument(
        "--no-nat", action="store_true",
        help="do not set up pf(4) and forwarding: guests reach only the host and each other",
    )  # fmt: skip
    add_dry_run(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    wanted = Init(options.pool, options.dataset, options.mountpoint, nat=not options.no_nat)
    done = carry_out_one(session, wanted).notes
    if not options.quiet and not options.dry_run:
        for line in done:
            print(line if line.startswith("nat: ") else f"set up: {line}")
        print(
            "ready: bsdvirt create jail NAME --start"
            if done
            else "already set up; nothing was changed"
        )
    return 0
