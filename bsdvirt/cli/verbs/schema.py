"""bsdvirt schema"""

from __future__ import annotations

import argparse
from typing import get_args

from bsdvirt.cli.main import Globals
from bsdvirt.cli.output import print_json
from bsdvirt.spec.schema import Which, json_schema


class Options(Globals):
    which: str


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", default="jail", choices=get_args(Which))


def run(options: Options) -> int:
    print_json(json_schema(options.which))  # type: ignore[arg-type]
    return 0
