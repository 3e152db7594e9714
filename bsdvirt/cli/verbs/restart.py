"""bsdvirt restart"""

from __future__ import annotations

import argparse

from bsdvirt.app import jails
from bsdvirt.cli.common import add_dry_run, add_json, add_selectors, chosen, open_session, report
from bsdvirt.cli.verbs.stop import Options, add_stop_options


def arguments(parser: argparse.ArgumentParser) -> None:
    add_selectors(parser)
    add_stop_options(parser)
    add_dry_run(parser)
    add_json(parser)


def run(options: Options) -> int:
    session = open_session(options, changes=True)
    names = chosen(session, options.guests, every=options.all)
    outcomes = jails.restart(session, names, force=options.force, timeout=options.timeout)
    return report(outcomes, options, as_json=options.json)
