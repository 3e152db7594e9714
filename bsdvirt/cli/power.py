"""Shared by pause, reset and resume."""

from __future__ import annotations

import argparse

from bsdvirt.bhyve.stop import Act
from bsdvirt.cli.common import Selection, add_change, add_selectors, apply_to_selected
from bsdvirt.ops.power.vms import Press


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the selectors of guests, and the options of a change."""
    add_selectors(parser)
    add_change(parser)


def power(options: Selection, what: Act) -> int:
    """Perform one of reset, pause and resume on each guest."""
    return apply_to_selected(options, lambda names: Press(names, what))
