"""bsdvirt get"""

from __future__ import annotations

import argparse
from typing import Any

from bsdvirt.cli.common import GuestOptions, add_guest, add_json, open_session
from bsdvirt.cli.output import print_json
from bsdvirt.guest.inventory import load_guest_file
from bsdvirt.guest.order import IDENTITY_PREFIX
from bsdvirt.spec.fields import plain
from bsdvirt.spec.load import dump, dump_value
from bsdvirt.spec.paths import get_path


class Options(GuestOptions):
    properties: list[str]


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guest(parser)
    parser.add_argument("properties", nargs="*", metavar="PROPERTY", help="default: all")
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=False)
    found = session.inventory()
    guest = found.guest(options.guest)
    jail = load_guest_file(session.host.fs, found.home(guest.name), guest.name)
    if not options.properties:
        print_json(plain(jail)) if options.json else print(dump(jail), end="")
        return 0
    values: dict[str, Any] = {}
    for path in options.properties:
        if path.startswith(IDENTITY_PREFIX):
            value = get_path(guest.identity.boot, path.removeprefix(IDENTITY_PREFIX))
        else:
            value = get_path(jail, path)
        values[path] = plain(value)
    if options.json:
        print_json(values)
    else:
        for path, value in values.items():
            text = _text(value)
            print(text if len(values) == 1 else f"{path}={text}")
    return 0


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list):
        return dump_value(value).rstrip("\n")
    return "" if value is None else str(value)
