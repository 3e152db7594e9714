"""bsdvirt network"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    add_change,
    add_dry_run,
    add_json,
    add_listing,
    apply_one,
    open_session,
    report,
)
from bsdvirt.cli.flags import add_properties, add_property, given
from bsdvirt.cli.output import print_info, print_rows
from bsdvirt.cli.parser import Globals
from bsdvirt.errors import NotFoundError, UsageError
from bsdvirt.ops.network import interfaces, networks, takeover
from bsdvirt.session.session import Session
from bsdvirt.spec.base import parsed
from bsdvirt.spec.digits import natural
from bsdvirt.spec.network import Network
from bsdvirt.spec.paths import split_assignments
from bsdvirt.spec.types import GuestName

COLUMNS = ("name", "state", "bridge", "uplink", "vlan", "nat", "addresses", "pools", "guests")
INTERFACES = ("name", "up", "bridge", "addresses", "networks", "description")
READS = ("ls", "info", "interfaces")
SINGULAR = {"addresses": "--address", "subnets": "--subnet", "pools": "--pool"}
"""Options with one value of a list each."""


class Options(Globals):
    action: str
    name: str
    words: list[str]
    take_address: bool
    within: int
    guard: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action",
        required=True,
        metavar="ls | info | interfaces | create | confirm | revert | set | destroy",
    )
    add_listing(actions.add_parser("ls", help="list networks"))
    info = actions.add_parser("info", help="show a network")
    info.add_argument("name", metavar="NET")
    add_json(info)
    add_listing(
        actions.add_parser("interfaces", help="list the host's interfaces that networks can use")
    )
    create = actions.add_parser("create", help="create a network")
    create.add_argument("name", metavar="NET")
    create.add_argument(
        "words", nargs="*", metavar="PROPERTY=VALUE", help="properties, before the options"
    )
    create.add_argument(
        "--take-address", action="store_true",
        help="move the uplink's address to a new bridge, until it is confirmed",
    )  # fmt: skip
    create.add_argument(
        "--within", type=seconds, default=takeover.WITHIN_SECONDS, metavar="S",
        help="seconds until it is reverted if it is not confirmed (default: 60)",
    )  # fmt: skip
    for name, option in SINGULAR.items():
        add_property(create, Network, name, option, dest=name)
    add_properties(create, Network, without=("id",))
    add_dry_run(create)
    confirm = actions.add_parser(
        "confirm", help="confirm the move: make it permanent in rc.conf(5)"
    )
    revert = actions.add_parser("revert", help="revert the move at once")
    revert.add_argument("--guard", help=argparse.SUPPRESS)
    for action in (confirm, revert):
        action.add_argument("name", metavar="NET")
        add_change(action)
    change = actions.add_parser("set", help="change a network")
    change.add_argument("name", metavar="NET")
    change.add_argument("words", nargs="+", metavar="PROPERTY=VALUE")
    add_change(change)
    destroy = actions.add_parser("destroy", help="destroy a network that no guest is on")
    destroy.add_argument("name", metavar="NET")
    add_dry_run(destroy)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action not in READS)
    match options.action:
        case "create":
            return _create(session, options)
        case "set":
            wanted = networks.SetNetwork(options.name, split_assignments(options.words))
            return apply_one(options, wanted, session)
        case "confirm":
            return apply_one(options, takeover.Confirm(options.name), session)
        case "revert":
            if options.guard:
                outcome = takeover.guard(session, options.name, options.guard)
                return report([outcome], options)
            return apply_one(options, takeover.Revert(options.name), session)
        case "destroy":
            return apply_one(options, networks.DestroyNetwork(options.name), session)
        case "interfaces":
            print_rows(interfaces.rows(session), INTERFACES, options)
        case "info":
            shown = [row for row in networks.rows(session) if row.name == options.name]
            if not shown:
                raise NotFoundError(f"no network {options.name}", "bsdvirt network ls")
            print_info(shown[0], options)
        case _:
            print_rows(takeover.rows(session), COLUMNS, options)
    return 0


def _create(session: Session, options: Options) -> int:
    name = parsed(GuestName, options.name, "such as lan or dmz-1", of="network")
    properties = given(options, Network)
    assignments = split_assignments(options.words)
    if not options.take_address:
        wanted = networks.CreateNetwork(str(name), properties, assignments)
        return apply_one(options, wanted, session)
    beside = sorted(properties.keys() - {"uplink", "pools", "private", "description"})
    if "uplink" not in properties or beside:
        raise UsageError(
            "--take-address goes with --uplink, and with --pool, --private and --description"
            + (f", not with {', '.join(beside)}" if beside else ""),
            f"bsdvirt network create {name} --uplink IF --take-address",
        )
    again = ("--sim", options.sim) if options.sim else ()
    uplink = str(properties.pop("uplink"))
    taking = takeover.TakeAddress(str(name), uplink, properties, assignments, options.within, again)
    return apply_one(options, taking, session)


def seconds(text: str) -> int:
    """Raises ArgumentTypeError."""
    number = natural(text)
    if number is None or not 1 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: not 1 to 3600 seconds")
    return number
