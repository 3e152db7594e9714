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
    since: str | None
    until: str | None
    host: bool
    csv: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "guests",
        nargs="*",
        metavar="GUEST",
        help="default: all running guests; `record` is the daemon",
    )
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
    parser.add_argument(
        "--since", metavar="TIME", help="show what was recorded since, such as 6h, 2d or a date"
    )
    parser.add_argument("--until", metavar="TIME", help="end of it (default: now)")
    parser.add_argument("--host", action="store_true", help="the past of the host itself")
    parser.add_argument(
        "--csv", action="store_true", help="print the past as comma-separated values"
    )
    add_json(parser)


def run(options: Options) -> int:
    if _asks_for_the_past(options):
        from bsdvirt.cli.live.past import Wanted, show_past

        session = open_session(options, changes=False, shows=True)
        return show_past(session, Wanted(**vars(options)))
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


def _asks_for_the_past(options: Options) -> bool:
    """Raises UsageError for options that exclude each other."""
    of_past = {"--until": options.until, "--host": options.host, "--csv": options.csv}
    if not options.since:
        for word, given in of_past.items():
            if given:
                raise UsageError(f"{word} needs --since", "bsdvirt stats --since 6h")
        return False
    of_now = {
        "--once": options.once, "--counters": options.counters,
        "--prometheus": options.prometheus, "-H": options.headless,
    }  # fmt: skip
    for word, given in of_now.items():
        if given:
            raise UsageError(
                f"{word} shows the present, and does not go with --since",
                "bsdvirt stats --since 6h --csv",
            )
    if options.csv and options.json:
        raise UsageError("--csv is a format of its own", "omit --json")
    if options.host and options.guests:
        raise UsageError("--host is instead of guests", "bsdvirt stats --host --since 6h")
    return True


def _print_once(session: Session, names: Collection[str] | None, options: Options) -> None:
    watch = Watch(session, names)
    time.sleep(ONCE_SECONDS)
    made = watch.figures()
    print_rows(usage_rows(made), COLUMNS, options)
    if not made.host.racct and not options.json and not options.headless:
        say(HINT)
