"""What the verbs of a virtual machine's buttons share."""

from __future__ import annotations

import argparse

from bsdvirt.bhyve.stop import Act
from bsdvirt.cli.common import add_dry_run, add_json, add_selectors, chosen, open_session, report
from bsdvirt.cli.main import Globals
from bsdvirt.ops.power import vms
from bsdvirt.session.prepared import carry_out


class Options(Globals):
    guests: list[str]
    all: bool
    dry_run: bool
    json: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    """Selectors, and how to show it."""
    add_selectors(parser)
    add_dry_run(parser)
    add_json(parser)


def power(options: Options, what: Act) -> int:
    """Perform one of reset, pause and resume on each guest."""
    session = open_session(options, changes=True)
    names = chosen(session, options.guests, every=options.all)
    outcomes = carry_out(session, vms.Press(tuple(names), what))
    return report(outcomes, options, as_json=options.json)
