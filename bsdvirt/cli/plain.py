"""The command lines that are used most, `ls` and `exec` in their plain forms, without argparse:
importing that and building a parser takes longer than what they do."""

from __future__ import annotations

import os
import sys

from bsdvirt.cli.words import LISTING, SIM_VARIABLE, split_command
from bsdvirt.spec.digits import is_guest_name

TYPE_CHECKING = False
# As in cli/streams.py.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

ROOT = "root"


class Plain:
    """The options of a plain command line, with the names and defaults that argparse gives."""

    debug = verbose = quiet = dry_run = json = headless = ask = all = watch = False
    events = asking = None
    delay = 2.0
    user = ROOT

    def __init__(self, sim: str | None, guests: list[str], command: list[str]) -> None:
        self.sim = sim
        self.guests = guests
        self.command = command


def parse_plain(before: Sequence[str], verb: str, after: Sequence[str]) -> Plain | None:
    """Return the options; None for a command line that is left to argparse."""
    sim = os.environ.get(SIM_VARIABLE)
    if len(before) == 2 and before[0] == "--sim" and before[1][:1] != "-":
        sim = before[1]
    elif before:
        return None
    if verb == "exec":
        names, command = split_command(after)
        return Plain(sim, names, command) if len(names) == 1 and is_guest_name(names[0]) else None
    if verb != "ls":
        return None
    names = [word for word in after if word not in LISTING]
    if not all(map(is_guest_name, names)):
        return None
    options = Plain(sim, names, [])
    for word in after:
        if word in LISTING:
            setattr(options, LISTING[word][0], True)
    return options


def run_plain(before: Sequence[str], verb: str, after: Sequence[str]) -> int | None:
    """Run a plain command line, and return its exit code; None if it is none."""
    plain = parse_plain(before, verb, after)
    if plain is None:
        return None
    options: Any = plain
    here = not plain.sim and sys.platform.startswith("freebsd")
    if verb == "exec":
        if here and plain.command and os.geteuid() == 0:
            from bsdvirt.facts.jls import begin_one

            begin_one(plain.guests[0])
        from bsdvirt.cli.verbs import exec

        return exec.run(options)
    if here:
        from bsdvirt.facts.jls import begin_all

        begin_all()
    from bsdvirt.cli.verbs import ls

    return ls.run(options)
