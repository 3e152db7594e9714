"""bsdvirt properties"""

from __future__ import annotations

import argparse
from typing import get_args

from bsdvirt.cli.common import add_json
from bsdvirt.cli.output import print_json
from bsdvirt.cli.parser import Globals
from bsdvirt.rows.base import plain
from bsdvirt.spec.schema import Which, properties


class Options(Globals):
    which: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", type=_which, choices=get_args(Which))
    add_json(parser)


def _which(word: str) -> str:
    return "pool" if word == "root" else word


def run(options: Options) -> int:
    found = properties(options.which)  # type: ignore[arg-type]
    if options.json:
        print_json(plain(found))
        return 0
    for info in found:
        print(f"{info.name}  ({', '.join(info.kinds)}: {info.type})")
        print(f"    {info.help}")
    return 0
