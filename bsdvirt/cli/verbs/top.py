"""bsdvirt top"""

from __future__ import annotations

import argparse
import contextlib

from bsdvirt.cli.common import add_guests, add_json, chosen, open_session, seconds
from bsdvirt.cli.live.table import BY_FIELD, FIRST, Order
from bsdvirt.cli.live.watch import Ticks, interactive, print_batches, print_json_lines, show
from bsdvirt.cli.parser import Globals


class Options(Globals):
    guests: list[str]
    batch: bool
    delay: float
    count: int | None
    order: str
    reverse: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    add_guests(parser)
    parser.add_argument("-b", "--batch", action="store_true", help="print text, also on a terminal")
    add_delay(parser)
    parser.add_argument(
        "-c", "--count", type=_count, metavar="N", help="end after that number of displays"
    )
    parser.add_argument(
        "-o", dest="order", choices=sorted(BY_FIELD), default=FIRST.field, metavar="COLUMN",
        help=f"sort by it, first: {', '.join(BY_FIELD)} (default: {FIRST.field})",
    )  # fmt: skip
    parser.add_argument("-r", "--reverse", action="store_true", help="sort the other way round")
    add_json(parser)


def add_delay(parser: argparse.ArgumentParser) -> None:
    """Add the time between two displays."""
    parser.add_argument(
        "-d", "--delay", type=seconds, default=2.0, metavar="S", help="seconds (default: 2)"
    )


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not number:
        raise argparse.ArgumentTypeError(f"{text}: not a number of displays")
    return number


def run(options: Options) -> int:
    session = open_session(options, changes=False, shows=True)
    names = chosen(session, options.guests, every=False) if options.guests else None
    ticks = Ticks(session, names, options.delay, options.count)
    order = Order(BY_FIELD[options.order], options.reverse)
    with contextlib.suppress(KeyboardInterrupt):
        if options.json:
            return print_json_lines(ticks)
        if not interactive(options.batch):
            return print_batches(ticks, order)
        return show(ticks, order)
    return 0
