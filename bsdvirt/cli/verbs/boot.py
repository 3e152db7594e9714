"""bsdvirt boot"""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from bsdvirt.cli.common import (
    add_change,
    add_dry_run,
    add_json,
    add_listing,
    open_session,
    report,
    seconds,
)
from bsdvirt.cli.output import print_json, print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import EXIT_FAILED, EXIT_OK, BsdvirtError
from bsdvirt.rows.base import plain
from bsdvirt.spec.nic import SLIRP

if TYPE_CHECKING:
    from bsdvirt.guest.inventory import Inventory
    from bsdvirt.guest.order import Order
    from bsdvirt.session.batch import Outcome
    from bsdvirt.session.session import Session

COLUMNS = ("name", "state", "starts", "order", "after", "ready")


class Options(Globals):
    action: str
    guests: list[str]
    budget: float


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="plan | start | stop | status | network"
    )
    plan = actions.add_parser("plan", help="show the order in which guests start")
    plan.add_argument(
        "guests", nargs="*", metavar="GUEST", help="guests to plan (default: those with boot.auto)"
    )
    add_json(plan)
    start = actions.add_parser("start", help="start the guests that start at boot, in order")
    start.add_argument(
        "guests",
        nargs="*",
        metavar="GUEST",
        help="guests to start, with those they depend on (default: those with boot.auto)",
    )
    add_change(start)
    stop = actions.add_parser("stop", help="stop all running guests within a time budget")
    stop.add_argument("guests", nargs="*", metavar="GUEST", help="guests to stop (default: all)")
    stop.add_argument(
        "--budget", type=seconds, default=0.0, metavar="S", help="seconds (default: boot.budget)"
    )
    add_change(stop)
    status = actions.add_parser(
        "status", help="show the guests that start at boot, and whether they run"
    )
    add_listing(status)
    network = actions.add_parser("network", help="bring up all networks")
    add_dry_run(network)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action in ("start", "stop", "network"))
    match options.action:
        case "plan":
            return _plan(session, options)
        case "status":
            return _status(session, options)
        case "network":
            return report(_networks(session), options)
        case "start":
            from bsdvirt.ops.boot.start import start

            outcomes = start(session, options.guests)
            if not outcomes and not options.quiet:
                say("no guest starts at boot: bsdvirt set GUEST boot.auto=yes")
            return report(outcomes, options)
    from bsdvirt.ops.boot.stop import stop

    if not options.dry_run:
        session.interrupt.be_patient(
            lambda name: say(f"{name}: guests are being stopped; a second signal forces them")
        )
    outcomes = stop(session, options.guests, budget=options.budget)
    return report(outcomes, options)


def _plan(session: Session, options: Options) -> int:
    from bsdvirt.guest.order import as_row, tree, troubles
    from bsdvirt.ops.boot.start import order_now

    found, order = order_now(session, options.guests)
    claims = [c for e in order.entries for c in found.guests[e.name].identity.nics]
    networks = sorted({claim.network for claim in claims} - {SLIRP})
    if options.json:
        print_json(plain(as_row(order, networks)))
    else:
        if networks:
            print(f"networks: {', '.join(networks)}")
        for line in tree(order):
            print(line)
        if not order.entries and not order.stuck:
            say("no guest starts at boot: bsdvirt set GUEST boot.auto=yes")
        for line in (*troubles(order), *_too_long(session, found, order)):
            say(f"bsdvirt: {line}")
    return EXIT_FAILED if order.circles else EXIT_OK


def _too_long(session: Session, found: Inventory, order: Order) -> list[str]:
    """Return remarks on guests with a longer timeout than the shutdown allows."""
    from bsdvirt.guest.inventory import load_guest_file
    from bsdvirt.ops.boot.budget import too_long

    lines = []
    for name in sorted(entry.name for entry in order.entries):
        with contextlib.suppress(BsdvirtError):
            spec = load_guest_file(session.host.fs, found.home(name), name)
            if late := too_long(session, spec):
                lines.append(f"{name}: {late}")
    return lines


def _status(session: Session, options: Options) -> int:
    from bsdvirt.ops.boot.status import status

    rows = status(session)
    print_rows(rows, COLUMNS, options)
    down = [row for row in rows if row.starts and row.state != "running"]
    return EXIT_FAILED if down else EXIT_OK


def _networks(session: Session) -> list[Outcome]:
    """Bring all networks up, and connect running guests to them."""
    from bsdvirt.ops.boot.start import load_modules
    from bsdvirt.ops.doctor.running import restore
    from bsdvirt.ops.network.pf import LoadRules
    from bsdvirt.ops.network.up import BringUp
    from bsdvirt.session.batch import Outcome
    from bsdvirt.session.prepared import carry_out

    networks = session.networks()
    if networks:
        load_modules(session, ("jail",))
    outcomes = [Outcome(name, error=error) for name, error in networks.broken.items()]
    failed = {one.name: one.error for one in carry_out(session, BringUp(tuple(networks)))}
    outcomes += [Outcome(name, "up", failed.get(name)) for name in networks]
    carry_out(session, LoadRules())
    done, errors = restore(session)
    for line in done:
        name, _, words = line.partition(": ")
        outcomes.append(Outcome(name, words))
    outcomes += [Outcome("network", error=error) for error in errors]
    return outcomes
