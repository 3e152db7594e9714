"""bsdvirt stats"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Collection

from bsdvirt.cli.common import add_headless, add_json, chosen, open_session
from bsdvirt.cli.live.table import Order
from bsdvirt.cli.live.watch import Ticks, interactive, show
from bsdvirt.cli.output import print_info, print_rows, say
from bsdvirt.cli.parser import Globals
from bsdvirt.cli.verbs.top import add_delay
from bsdvirt.errors import UsageError
from bsdvirt.ops.show.sample import read_sample
from bsdvirt.ops.show.usage import HINT, Watch, usage_rows
from bsdvirt.session.session import Session

COLUMNS = (
    "name", "cpu", "memory", "processes", "threads", "files", "read", "write", "net_in", "net_out",
)  # fmt: skip
ONCE_SECONDS = 1.0


class Options(Globals):
    guests: list[str]
    once: bool
    counters: bool
    prometheus: bool
    delay: float


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("guests", nargs="*", metavar="GUEST", help="default: all running guests")
    parser.add_argument("--once", action="store_true", help="print once, and exit")
    add_delay(parser)
    add_headless(parser, "tab-separated columns, once")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--counters", action="store_true", help="print counters since the start, and no rates"
    )
    form.add_argument(
        "--prometheus", action="store_true", help="print counters in Prometheus's text format"
    )
    add_json(parser)


def run(options: Options) -> int:
    if (options.counters or options.prometheus) and options.headless:
        raise UsageError("-H prints rates, not counters", "bsdvirt stats --counters --json")
    if options.prometheus and options.json:
        raise UsageError("--prometheus is a format of its own", "omit --json")
    session = open_session(options, changes=False, shows=True)
    names = chosen(session, options.guests, every=False) if options.guests else None
    if options.counters:
        print_info(read_sample(session, names=names), options)
    elif options.prometheus:
        from bsdvirt.ops.show.prometheus import prometheus

        print(prometheus(read_sample(session, names=names)), end="")
    elif interactive(options.once or options.json or options.headless):
        with contextlib.suppress(KeyboardInterrupt):
            return show(Ticks(session, names, options.delay, None), Order())
    else:
        _print_once(session, names, options)
    return 0


def _print_once(session: Session, names: Collection[str] | None, options: Options) -> None:
    watch = Watch(session, names)
    time.sleep(ONCE_SECONDS)
    made = watch.figures()
    print_rows(usage_rows(made), COLUMNS, options)
    if not made.host.racct and not options.json and not options.headless:
        say(HINT)
