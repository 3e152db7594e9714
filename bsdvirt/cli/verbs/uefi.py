"""bsdvirt uefi"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import GuestOptions, add_change, add_guest, apply_one
from bsdvirt.ops.power import vms


class Options(GuestOptions):
    action: str


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="reset | restore")
    for name, help in (
        ("reset", "set the UEFI variables aside; the next start creates new ones"),
        ("restore", "restore those that were set aside"),
    ):
        action = actions.add_parser(name, help=help)
        add_guest(action)
        add_change(action)


def run(options: Options) -> int:
    request = vms.ChangeVariables(options.guest, back=options.action == "restore")
    return apply_one(options, request)
