"""bsdvirt stop"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import (
    Selection,
    add_change,
    add_selectors,
    apply_to_selected,
)
from bsdvirt.ops.power.stop import StopGuests


class Options(Selection):
    force: bool
    timeout: float | None


def seconds(text: str) -> float:
    """Return a positive number of seconds. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text}: not a number of seconds")
    return value


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
