"""bsdvirt nic"""

from __future__ import annotations

import argparse
from typing import Any

from msgspec import UNSET, structs

from bsdvirt.cli.common import (
    GuestOptions,
    add_change,
    add_guest,
    add_listing,
    apply,
    open_session,
)
from bsdvirt.cli.flags import add_properties, given
from bsdvirt.cli.output import print_rows
from bsdvirt.errors import ConflictError
from bsdvirt.ops import devices
from bsdvirt.ops.show.detail import detail
from bsdvirt.rows.guest import ForeignInfo, Nic, NicRow
from bsdvirt.session.session import Session
from bsdvirt.spec.vm import VmNic

COLUMNS = (
    "number", "network", "mac", "address", "address6", "model", "mtu", "slot", "interface"
)  # fmt: skip


class Options(GuestOptions):
    action: str
    number: int


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ls | add | rm")
    listing = actions.add_parser("ls", help="list a guest's interfaces")
    add_guest(listing)
    add_listing(listing)
    add = actions.add_parser("add", help="add one")
    add_guest(add)
    notes = {
        "network": "default: that of the host file",
        "model": "of a virtual machine only",
        "open": "of a virtual machine only",
    }
    add_properties(add, VmNic, notes=notes)
    remove = actions.add_parser("rm", help="remove one")
    add_guest(remove)
    remove.add_argument("number", type=int, metavar="N", help="number of the interface, from 0")
    for changing in (add, remove):
        add_change(changing)


def run(options: Options) -> int:
    session = open_session(options, changes=options.action != "ls")
    if options.action == "ls":
        print_rows(_rows(session, options.guest), COLUMNS, options)
        return 0
    if options.action == "rm":
        change = devices.remove_nic(options.guest, options.number)
    else:
        settings = {"network": str(session.hostfile.defaults.network), **given(options, VmNic)}
        change = devices.add_nic(options.guest, settings)
    return apply(options, change, session)


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
    model = None if nic.slot is UNSET else said.get("model", "virtio")
    return NicRow(**fields, number=number, model=model, mtu=said.get("mtu"))
