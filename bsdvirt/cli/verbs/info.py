"""bsdvirt info"""

from __future__ import annotations

import argparse
from typing import Any

from bsdvirt.cli.common import add_json, open_session
from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import human_size, print_json, print_tree
from bsdvirt.ops.show.guests import detail

SIZES = frozenset({"memory", "memoryuse", "resident_memory", "size", "used", "vmemoryuse"})
"""What is in bytes, and shown in larger units to people."""


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
        print_tree(_readable(shown | {"usage": usage}))
    return 0


def _readable(value: Any, key: str = "") -> Any:
    """The same, with sizes as people read them."""
    if isinstance(value, dict):
        return {name: _readable(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable(item, key) for item in value]
    whole = isinstance(value, int) and not isinstance(value, bool)
    return human_size(value) if key in SIZES and whole else value
