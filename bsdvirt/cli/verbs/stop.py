"""bsdvirt stop"""

from __future__ import annotations

import argparse

from bsdvirt.cli.common import add_dry_run, add_json, add_selectors, chosen, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.ops.power.stop import StopGuests
from bsdvirt.session.prepared import carry_out


class Options(Globals):
    guests: list[str]
    all: bool
    force: bool
    timeout: float | None
    dry_run: bool
    json: bool


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
    parser.add_argument("--force", action="store_true", help="by force, at once")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="seconds until it is forced (default: the guest's own)",
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    add_selectors(parser)
    add_stop_options(parser)
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    names = chosen(session, options.guests, every=options.all)
    outcomes = carry_out(session, StopGuests(tuple(names), options.force, options.timeout))
    return report(outcomes, options, as_json=options.json)
