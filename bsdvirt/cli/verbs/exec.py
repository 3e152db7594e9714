"""bsdvirt exec"""

from __future__ import annotations

import argparse
import sys

from bsdvirt.cli.common import Selection, choose, open_session
from bsdvirt.errors import UsageError
from bsdvirt.ops.enter import attach


class Options(Selection):
    user: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "bsdvirt exec [-u USER] [--all | GUEST …] -- COMMAND …"
    parser.add_argument("-u", "--user", default="root", help="the guest's user (root)")
    parser.add_argument("--all", action="store_true", help="run it in all running guests")
    parser.add_argument("guests", nargs="*", metavar="GUEST")


def run(options: Options) -> int:
    if not options.command:
        raise UsageError("which command?", "bsdvirt exec GUEST -- COMMAND …")
    session = open_session(options, changes=False)
    session.need_root()
    found = session.inventory(shallow=True)
    names = choose(session, found, options.guests, every=options.all)
    worst = 0
    for name in names:
        if len(names) > 1:
            print(f"==> {name} <==", flush=True)
        # While the command of one runs, others change.
        known = found if len(names) == 1 else None
        status = attach(session, name, options.command, user=options.user, found=known)
        worst = worst or status
    sys.stdout.flush()
    return worst
