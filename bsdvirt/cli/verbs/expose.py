"""bsdvirt expose"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    add_change,
    add_headless,
    apply,
    open_session,
)
from bsdvirt.cli.output import print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import UsageError
from bsdvirt.ops.expose import expose, hide, parse, rows

COLUMNS = ("guest", "expose", "state", "to", "why")


class Options(Globals):
    guest: str | None
    ports: list[str]
    on: str | None
    source: str | None
    remove: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", nargs="?", metavar="GUEST", help="default: all guests")
    parser.add_argument(
        "ports", nargs="*", metavar="[PROTOCOL:]PORT[:GUESTPORT]",
        help="such as tcp:8080:80, 8080:80 (TCP), udp:53, tcp:8000-8010; without ports: list the "
        "guest's forwards",
    )  # fmt: skip
    parser.add_argument(
        "--on",
        metavar="ADDRESS",
        help="bind this address of the host (default: that of the default route; with user "
        "networking, all)",
    )
    parser.add_argument(
        "--from", dest="source", metavar="NET", help="permit this network or address only"
    )
    parser.add_argument(
        "-r", "--remove", "--rm", action="store_true", help="remove these, or all if none is given"
    )
    add_headless(parser)
    add_change(parser)


def run(options: Options) -> int:
    changes = bool(options.ports) or options.remove
    if changes and options.guest is None:
        raise UsageError("expose: which guest?", "bsdvirt expose GUEST tcp:8080:80")
    session = open_session(options, changes=changes)
    if changes and options.guest is not None:
        ports = parse(options.ports, options.on, options.source)
        wanted = (hide if options.remove else expose)(options.guest, ports)
        return apply(options, wanted, session)
    shown = rows(session, options.guest)
    print_rows(shown, COLUMNS, options)
    return 0
