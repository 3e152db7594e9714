"""bsdvirt properties"""

from __future__ import annotations

import argparse
from typing import get_args

import msgspec

from bsdvirt.cli.common import add_json
from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import print_json
from bsdvirt.spec.schema import Which, properties


class Options(Globals):
    which: str | None
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", choices=get_args(Which))
    add_json(parser)


def run(options: Options) -> int:
    found = properties(options.which)  # type: ignore[arg-type]
    if options.json:
        print_json(msgspec.to_builtins(found))
        return 0
    for info in found:
        print(f"{info.name}  ({', '.join(info.kinds)}: {info.type})")
        print(f"    {info.help}")
    return 0
