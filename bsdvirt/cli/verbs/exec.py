"""bsdvirt exec"""

from __future__ import annotations

import os
import sys

from bsdvirt.errors import HostError, UsageError
from bsdvirt.host.open import open_host
from bsdvirt.ops.enter import attach, attach_started
from bsdvirt.spec.digits import is_guest_name

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    import argparse

    from bsdvirt.cli.common import Selection

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
    if (status := _in_one(options)) is not None:
        return status
    from bsdvirt.cli.common import choose, open_session

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


def _in_one(options: Options) -> int | None:
    """Run the command in a single guest, by its name; None if more is to be read for that."""
    if options.all or len(options.guests) != 1 or not is_guest_name(options.guests[0]):
        return None
    host = open_host(options.sim)
    if os.geteuid() != host.owner_uid:
        raise HostError("only root can do that", "run it as root")
    return attach_started(host, options.guests[0], options.command, options.user)
