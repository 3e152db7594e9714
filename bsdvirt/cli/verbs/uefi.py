"""bsdvirt uefi"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_change, apply_one
from bsdvirt.cli.parser import Globals
from bsdvirt.ops.power import vms


class Options(Globals):
    action: str
    guest: str


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="reset | restore")
    for name, help in (
        ("reset", "set the UEFI variables aside; the next start creates new ones"),
        ("restore", "restore those that were set aside"),
    ):
        action = actions.add_parser(name, help=help)
        action.add_argument("guest", metavar="GUEST")
        add_change(action)


def run(options: Options) -> int:
    request = vms.ChangeVariables(options.guest, back=options.action == "restore")
    return apply_one(options, request)
