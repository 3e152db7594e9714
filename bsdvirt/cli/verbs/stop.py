"""bsdvirt stop"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    Selection,
    add_change,
    add_selectors,
    apply_to_selected,
    seconds,
)
from bsdvirt.ops.power.stop import StopGuests


class Options(Selection):
    force: bool
    timeout: float | None


def add_stop_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="force the stop at once")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="seconds until the stop is forced (default: the guest's stop.timeout)",
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    add_selectors(parser)
    add_stop_options(parser)
    add_change(parser)


def run(options: Options) -> int:
    return apply_to_selected(
        options, lambda names: StopGuests(names, options.force, options.timeout)
    )
