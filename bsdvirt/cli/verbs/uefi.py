"""bsdvirt uefi"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_json, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.ops.power import vms
from bsdvirt.session.prepared import carry_out_one


class Options(Globals):
    action: str
    guest: str
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="reset | restore")
    for name, help in (
        ("reset", "set the UEFI variables aside; the next start creates new ones"),
        ("restore", "restore those that were set aside"),
    ):
        action = actions.add_parser(name, help=help)
        action.add_argument("guest", metavar="GUEST")
        add_dry_run(action)
        add_json(action)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    request = vms.ChangeVariables(options.guest, back=options.action == "restore")
    outcome = carry_out_one(session, request)
    return report([outcome], options, as_json=options.json)
