"""bsdvirt info"""

from __future__ import annotations

import argparse

from msgspec.structs import replace

from bsdvirt.cli.common import GuestOptions, add_guest, add_json, open_session
from bsdvirt.cli.output import print_info
from bsdvirt.ops.show.detail import detail
from bsdvirt.rows.guest import ForeignInfo


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    add_json(parser)


def run(options: GuestOptions) -> int:
    session = open_session(options, changes=False, shows=True)
    shown = detail(session, options.guest)
    if not options.json and not isinstance(shown, ForeignInfo) and shown.usage:
        used = {name: amount for name, amount in shown.usage.items() if amount}
        shown = replace(shown, usage=used)
    print_info(shown, options)
    return 0
