"""bsdvirt nic"""

from __future__ import annotations

import argparse
from typing import Any

from msgspec import UNSET, structs

from bsdvirt.cli.common import add_dry_run, add_json, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import print_rows
from bsdvirt.errors import ConflictError
from bsdvirt.ops import devices
from bsdvirt.ops.show.guests import detail
from bsdvirt.rows.guest import ForeignInfo, Nic, NicRow
from bsdvirt.session.session import Session

COLUMNS = (
    "number", "network", "mac", "address", "address6", "model", "mtu", "slot", "interface"
)  # fmt: skip


class Options(Globals):
    action: str
    guest: str
    number: int
    network: str
    address: str | None
    address6: str | None
    gateway: str | None
    mac: str | None
    mtu: int | None
    model: str | None
    dry_run: bool
    json: bool
    headless: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ls | add | rm")
    listing = actions.add_parser("ls", help="list a guest's interfaces")
    listing.add_argument("guest", metavar="GUEST")
    listing.add_argument("-H", dest="headless", action="store_true", help="tab-separated")
    add_json(listing)
    add = actions.add_parser("add", help="give it one more")
    add.add_argument("guest", metavar="GUEST")
    add.add_argument("--network", metavar="NET", help="the default network where it is not given")
    add.add_argument("--address", metavar="A", help="IPv4")
    add.add_argument("--address6", metavar="A", help="IPv6")
    add.add_argument("--gateway", metavar="A", help="IPv4 default gateway")
    add.add_argument("--mac", metavar="MAC", help="such as 02:00:00:12:34:56")
    add.add_argument("--mtu", type=int, metavar="N")
    add.add_argument("--model", choices=("virtio", "e1000"), help="of a virtual machine's card")
    remove = actions.add_parser("rm", help="take one away")
    remove.add_argument("guest", metavar="GUEST")
    remove.add_argument("number", type=int, metavar="N", help="from 0, as `nic ls` shows them")
    for changing in (add, remove):
        add_dry_run(changing)
        add_json(changing)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action != "ls")
    if options.action == "ls":
        print_rows(
            _rows(session, options.guest), COLUMNS, as_json=options.json, headless=options.headless
        )
        return 0
    if options.action == "rm":
        outcome = devices.remove_nic(session, options.guest, options.number)
    else:
        settings: dict[str, Any] = {
            word: getattr(options, word)
            for word in ("address", "address6", "gateway", "mac", "mtu", "model")
            if getattr(options, word) is not None
        }
        default = str(session.hostfile.defaults.network)
        settings["network"] = default if options.network is None else options.network
        outcome = devices.add_nic(session, options.guest, settings)
    return report([outcome], options, as_json=options.json)


def _rows(session: Session, name: str) -> list[NicRow]:
    """Return the interfaces by number, each with what the guest's file says of the card."""
    shown = detail(session, name)
    if isinstance(shown, ForeignInfo):
        raise ConflictError(f"{name} is foreign: {shown.why}", shown.adopt)
    said = shown.config.get("nics", [])
    return [
        _row(number, nic, said[number] if number < len(said) else {})
        for number, nic in enumerate(shown.nics)
    ]


def _row(number: int, nic: Nic, said: dict[str, Any]) -> NicRow:
    fields = structs.asdict(nic) | {"slot": nic.slot or None}
    model = None if nic.tap is UNSET else said.get("model", "virtio")
    return NicRow(**fields, number=number, model=model, mtu=said.get("mtu"))
