"""Commands that the simulated host runs as real processes: supervisors of guests, and hooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bsdvirt.host import tools
from bsdvirt.host.base import LineSink, Result
from bsdvirt.host.interrupt import Interrupt
from bsdvirt_sim.context import split_environment
from bsdvirt_sim.kernel.processes import CPUS, ROOT

LOOK = "BSDVIRT_LOG_LOOK"
HOOKS = "/usr/local/etc/bsdvirt/hooks/"


def is_supervisor(argv: Sequence[str]) -> bool:
    """Whether the command is a guest's supervisor, or a client of it."""
    argv = argv[len(confined(argv)) :]
    return len(argv) > 4 and argv[3].endswith("/supervise/__main__.py")


def confined(argv: Sequence[str]) -> Sequence[str]:
    """Return the words of cpuset(1) in front of another command: its own set, and the CPUs."""
    words = argv[:4] if list(argv[:3]) == [tools.CPUSET, "-c", "-l"] else argv[:3]
    return words if list(words[:-1]) in _CONFINED and len(argv) > len(words) else ()


_CONFINED = ([tools.CPUSET, "-l"], [tools.CPUSET, "-c", "-l"])


def is_real(argv: Sequence[str]) -> bool:
    """Whether the command is a real process."""
    return bool(argv) and (
        is_supervisor(argv)
        or (argv[0] == tools.ENV and split_environment(list(argv[1:]))[1][0].startswith(HOOKS))
    )


def run_real(
    directory: Path,
    argv: Sequence[str],
    interrupt: Interrupt,
    *,
    changes: bool,
    timeout: float,
    on_line: LineSink | None,
) -> Result:
    """Run it on the files of the simulated host; its result has the original arguments."""
    from bsdvirt.host.real import RealHost

    host = RealHost(interrupt)
    real = _beneath(directory, argv)
    done = host.run(real, changes=changes, timeout=timeout, on_line=on_line)
    return Result(tuple(argv), done.status, done.stdout, done.stderr, done.timed_out)


def pipe_real(
    directory: Path,
    left: Sequence[str],
    right: Sequence[str],
    interrupt: Interrupt,
    *,
    timeout: float,
    on_line: LineSink | None,
    limit: int,
) -> Result:
    """Run `left | right`, of which each is a real command of the host, or one of this machine."""
    from bsdvirt.host.real import RealHost

    real = [_beneath(directory, argv) if is_real(argv) else argv for argv in (left, right)]
    return RealHost(interrupt).pipe(*real, timeout=timeout, on_line=on_line, limit=limit)


def attach_real(directory: Path, argv: Sequence[str]) -> int:
    """Run it on the caller's own terminal."""
    from bsdvirt.host.terminals.attach import attach_own

    return attach_own(_beneath(directory, argv))


def become_real(directory: Path, argv: Sequence[str]) -> NoReturn:
    """Run it in place of this process."""
    from bsdvirt.host.real import RealHost

    RealHost().replace(_beneath(directory, argv))


def _beneath(directory: Path, argv: Sequence[str]) -> list[str]:
    """Return the command that does the same beneath the simulated host's root."""
    root = directory.resolve() / "root"
    simulated = f"BSDVIRT_SIM={directory.resolve()}"
    if is_supervisor(argv):
        # For tests: how often it checks its log.
        look = f"{LOOK}={os.environ.get(LOOK, '60')}"
        words = confined(argv)
        # It passes to its children, as the set of a process does.
        cpus = [f"{CPUS}={words[-1]}"] if words else []
        return [tools.ENV, simulated, f"{ROOT}={root}", look, *cpus, *argv[len(words) :]]
    assignments, (program, *words) = split_environment(list(argv[1:]))
    return [tools.ENV, simulated, *assignments, f"{root}{program}", *words]
