"""bsdvirt cpu"""

from __future__ import annotations

import argparse
import codecs
import locale
import os
import shutil
import sys
import time

from bsdvirt.cli.common import add_change, add_json, open_session, report
from bsdvirt.cli.output import print_json, say
from bsdvirt.cli.parser import Globals
from bsdvirt.cpu.accounting import busy_by_cpu
from bsdvirt.cpu.blocks import Line, text_of
from bsdvirt.cpu.cells import ASCII, UTF8
from bsdvirt.cpu.legend import heading, legend, notes
from bsdvirt.cpu.map import draw
from bsdvirt.errors import EXIT_CONFLICT, EXIT_OK
from bsdvirt.ops.show.cpus import read_cpu_map, read_ticks
from bsdvirt.rows.base import plain
from bsdvirt.rows.cpu import CpuMap
from bsdvirt.session.session import Session
from bsdvirt.spec.paths import split_assignments

SAMPLE_SECONDS = 0.5
"""Time between the two samples that loads are made from."""
LEAST_WIDTH, MOST_WIDTH = 40, 250
COLOURS = {
    "frame": "2", "title": "1", "dim": "2", "unknown": "2", "low": "32", "mid": "33",
    "high": "31", "guest0": "36", "guest1": "35", "guest2": "34", "guest3": "96",
    "guest4": "95", "guest5": "94", "pinned": "1",
}  # fmt: skip
"""Parameters of SGR, by the words of a style."""


READS = ("map", "explain")


class Options(Globals):
    action: str
    width: int | None
    guest: str
    words: list[str]


def columns(text: str) -> int:
    """Return a width. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and LEAST_WIDTH <= int(text) <= MOST_WIDTH):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of columns from {LEAST_WIDTH} to {MOST_WIDTH}"
        )
    return int(text)


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="map | explain | rebalance"
    )
    shown = actions.add_parser("map", help="draw the host's CPUs, and the guests on each")
    shown.add_argument(
        "--width", type=columns, metavar="N", help="columns (default: those of the terminal)"
    )
    add_json(shown)
    why = actions.add_parser(
        "explain", help="say which CPUs placement chooses for a guest, and why"
    )
    why.add_argument("guest", metavar="GUEST")
    why.add_argument(
        "words", nargs="*", metavar="PROPERTY=VALUE",
        help="as if these were set, such as placement=exclusive cpus=4",
    )  # fmt: skip
    add_json(why)
    moves = actions.add_parser(
        "rebalance", help="move guests with placement to CPUs where they share less"
    )
    add_change(moves)


def run(options: Options) -> int:
    session = open_session(
        options, changes=options.action not in READS, shows=options.action == "map"
    )
    match options.action:
        case "explain":
            return _explain(session, options)
        case "rebalance":
            return _rebalance(session, options)
    return _map(session, options)


def _explain(session: Session, options: Options) -> int:
    # Imported here, as the planner: the map needs neither.
    from bsdvirt.cpu.explain import lines
    from bsdvirt.ops.show.choice import read_choice

    choice = read_choice(session, options.guest, split_assignments(options.words))
    if options.json:
        print_json(plain(choice))
    else:
        print("\n".join(lines(choice)))
    return EXIT_OK if choice.error is None else EXIT_CONFLICT


def _rebalance(session: Session, options: Options) -> int:
    from bsdvirt.ops.power.rebalance import Rebalance
    from bsdvirt.session.prepared import carry_out

    outcomes = carry_out(session, Rebalance())
    if options.dry_run and not options.json and options.asking is None:
        for outcome in outcomes:
            say(f"{outcome.name}: {outcome.message}")
    if not outcomes and not (options.quiet or options.json):
        say("no guest would share less elsewhere")
    return report(outcomes, options)


def _map(session: Session, options: Options) -> int:
    before = read_ticks(session)
    time.sleep(SAMPLE_SECONDS)
    shown = read_cpu_map(session, busy=busy_by_cpu(before, read_ticks(session)))
    if options.json:
        print_json(plain(shown))
    else:
        _print(shown, options.width or _terminal_width())
    return 0


def _terminal_width() -> int:
    return max(LEAST_WIDTH, min(MOST_WIDTH, shutil.get_terminal_size().columns))


def _shows_utf8() -> bool:
    """Whether the locale is a UTF-8 one; Python itself writes UTF-8 in the C locale too."""
    try:
        return codecs.lookup(locale.nl_langinfo(locale.CODESET)).name == "utf-8"
    except LookupError:
        return False


def _print(shown: CpuMap, width: int) -> None:
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(heading(shown.host)[:width])
    for note in notes(shown.host):
        print(note[:width])
    glyphs = UTF8 if _shows_utf8() else ASCII
    for line in (*draw(shown, width, glyphs=glyphs), *legend(shown, width)):
        print(_coloured(line) if colours else text_of(line))


def _coloured(line: Line) -> str:
    text = ""
    for segment in line:
        codes = [code for word in segment.style.split() if (code := COLOURS.get(word))]
        text += f"\x1b[{';'.join(codes)}m{segment.text}\x1b[m" if codes else segment.text
    return text.rstrip()
