"""bsdvirt send"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_change, add_guest, apply_one
from bsdvirt.errors import UsageError
from bsdvirt.ops.send.send import Send
from bsdvirt.spec.base import parsed
from bsdvirt.spec.types import Size


class Options(GuestOptions):
    host: str
    name: str
    pool: str
    limit: str
    replicate: bool
    every: str


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument("host", metavar="HOST", help="as ssh(1) takes it, such as root@backup1")
    parser.add_argument("--name", default="", help="its name there")
    parser.add_argument("--pool", default="", help="pool there, if not the first")
    parser.add_argument("--limit", metavar="RATE", default="", help="bytes a second, such as 50M")
    parser.add_argument(
        "--replicate", action="store_true", help="keep it there as a standby, up to date"
    )
    parser.add_argument(
        "--every", metavar="TIME", default="", help="how often it is replicated, such as 15m"
    )
    add_change(parser)


def run(options: Options) -> int:
    if options.every and not options.replicate:
        raise UsageError("--every goes with --replicate", "add --replicate")
    limit = int(parsed(Size, options.limit, "such as 50M", of="--limit")) if options.limit else 0
    request = Send(
        options.guest, options.host, options.name, options.pool, limit,
        options.replicate, options.every, options.dry_run,
    )  # fmt: skip
    return apply_one(options, request)
