"""Commands that the simulated host runs as real processes: hooks, and supervisors of main
commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bsdvirt.host import tools
from bsdvirt.host.base import Result
from bsdvirt.host.interrupt import Interrupt
from bsdvirt_sim.context import split_environment

LOOK = "BSDVIRT_LOG_LOOK"
HOOKS = "/usr/local/etc/bsdvirt/hooks/"


def is_real(argv: Sequence[str]) -> bool:
    """Whether the command is a real process."""
    if argv[0] == tools.PYTHON:
        return argv[4] == "jail"
    if argv[0] != tools.ENV:
        return False
    return split_environment(list(argv[1:]))[1][0].startswith(HOOKS)


def run_real(
    directory: Path, prefix: Path, argv: Sequence[str], timeout: float, interrupt: Interrupt
) -> Result:
    """Run it beneath the simulated host's root; its result has the original arguments."""
    from bsdvirt.host.real import RealHost

    root = prefix.resolve()
    simulated = f"BSDVIRT_SIM={directory.resolve()}"
    if argv[0] == tools.PYTHON:
        # For tests: how often it checks its log.
        look = f"{LOOK}={os.environ.get(LOOK, '60')}"
        real: tuple[str, ...] = (tools.ENV, simulated, f"BSDVIRT_ROOT={root}", look, *argv)
    else:
        assignments, (program, *words) = split_environment(list(argv[1:]))
        real = (tools.ENV, simulated, *assignments, f"{root}{program}", *words)
    done = RealHost(interrupt).run(real, changes=False, timeout=timeout)
    return Result(tuple(argv), done.status, done.stdout, done.stderr, done.timed_out)
