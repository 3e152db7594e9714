"""bsdvirt send"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_change, add_guest, apply_one, open_session
from bsdvirt.errors import UsageError
from bsdvirt.guest.send.replica import role_of
from bsdvirt.ops.send.forget import Forget
from bsdvirt.ops.send.move import Back, Move
from bsdvirt.ops.send.send import Send
from bsdvirt.session.prepared import carry_out_one
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.replica import ABSENT
from bsdvirt.spec.types import Size

What = tuple[str, str, str, str, int]
"""The guest, the host, its name and pool there, and the limit."""


class Options(GuestOptions):
    host: str
    name: str
    pool: str
    limit: str
    replicate: bool
    every: str
    move: bool
    back: bool
    forget: bool
    force: bool


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
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument(
        "--move", action="store_true",
        help="then stop it, send the rest, and give it to that host, where it starts if it ran",
    )  # fmt: skip
    ends.add_argument(
        "--back", action="store_true", help="take a guest back that was moved there, if it agrees"
    )
    ends.add_argument(
        "--forget", action="store_true",
        help="no longer replicate it, and remove its snapshots for that host here",
    )  # fmt: skip
    parser.add_argument(
        "--force", action="store_true", help="with --back, even if that host does not agree"
    )
    add_change(parser)


def run(options: Options) -> int:
    _check(options)
    limit = int(parsed(Size, options.limit, "such as 50M", of="--limit")) if options.limit else 0
    what = (options.guest, options.host, options.name, options.pool, limit)
    session = open_session(options, changes=True)
    if options.back:
        back = Back(*what, look=options.dry_run, force=options.force)
        return apply_one(options, back, session)
    if options.forget:
        return apply_one(options, Forget(options.guest, options.host), session)
    if options.move:
        return _move(options, session, what)
    request = Send(*what, options.replicate, options.every, options.dry_run)
    return apply_one(options, request, session)


def _check(options: Options) -> None:
    if options.every and not options.replicate:
        raise UsageError("--every goes with --replicate", "add --replicate")
    if options.replicate and (options.move or options.back or options.forget):
        raise UsageError("--replicate goes with a plain send only", "leave it out")
    if options.force and not options.back:
        raise UsageError("--force goes with --back", "leave it out")


def _move(options: Options, session: Session, what: What) -> int:
    """Send it while it runs, and then move it: that is short."""
    guest = session.inventory().guests.get(options.guest)
    if guest is None or role_of(guest) not in ABSENT:
        carry_out_one(session, Send(*what, standby=True, look=options.dry_run))
    return apply_one(options, Move(*what, standby=True, look=options.dry_run), session)
