"""bsdvirt info"""

from __future__ import annotations

import argparse

from bsdvirt.app.listing import detail
from bsdvirt.cli.common import add_json, open_session
from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import human_size, print_json, print_tree


class Options(Globals):
    guest: str
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guest", metavar="GUEST")
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    shown = detail(session, options.guest)
    if options.json:
        print_json(shown)
    else:
        usage = {key: value for key, value in shown.get("usage", {}).items() if value}
        print_tree(shown | {"used": human_size(shown["used"]), "usage": usage})
    return 0
